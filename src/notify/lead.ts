import { assertNever } from '../never.ts'
import { line } from './clean.ts'
import type { Document } from './document.ts'
import { times } from './naming.ts'
import { asksApproval } from './needs.ts'
import { recovery, tookWords } from './recovery.ts'
import type { Story, Telling } from './story.ts'
import { moment } from './times.ts'

/** The first line of a mail: did it act, is it over, what do I do. */
export function lead(story: Story, telling: Telling): Pick<Document, 'lead' | 'tone'> {
  const { incident } = story
  const acted = did(incident)
  const why = line(telling.summary, 300)
  switch (telling.kind) {
    case 'recovered':
      return { tone: 'good', lead: recovered(story) }
    case 'escalated': {
      const todo =
        incident.owner === null
          ? 'Your turn: take over, then follow the runbook'
          : `${line(incident.owner, 40)} has taken over`
      return { tone: 'bad', lead: `${acted}. It is not over, and kafka-healing stops here: ${why}. ${todo}.` }
    }
    case 'refused':
      return {
        tone: 'waiting',
        lead: `${acted}. It is not over: ${why}. It will act by itself when that passes; take over if you will not wait.`,
      }
    case 'told':
    case 'digest':
      return told(story, acted, why)
    default:
      return assertNever(telling.kind, 'kind')
  }
}

function told({ incident }: Story, acted: string, why: string): Pick<Document, 'lead' | 'tone'> {
  if (incident.state === 'settled' || incident.state === 'closed')
    return { tone: 'waiting', lead: `${acted}. kafka-healing does nothing more here: ${why}. See whether it is well.` }
  if (incident.state === 'escalated')
    return { tone: 'bad', lead: `${acted}. It is not over: ${why}. It does not act by itself any more; you may retry.` }
  if (asksApproval(incident))
    return { tone: 'waiting', lead: `${acted}. It is not over, and kafka-healing asks before it acts: ${why}.` }
  return {
    tone: 'waiting',
    lead: `${acted}. It is not over: ${why}. kafka-healing goes on; nothing is needed from you yet.`,
  }
}

function recovered(story: Story): string {
  const { incident } = story
  const { who, tookMs } = recovery(story)
  const back = incident.state === 'verifying' || incident.state === 'escalated' ? ' It has broken again since.' : ''
  const watching =
    incident.state === 'probation' && incident.probationEndsAt !== null
      ? ` It is watched until ${moment(incident.probationEndsAt)}.`
      : ''
  const firing =
    incident.firing.length > 0 && back === ''
      ? ` Alertmanager still has ${times(incident.firing.length, 'alert')} firing.`
      : ''
  return `Recovered ${tookWords(tookMs)}: ${who}.${back}${watching}${firing} Nothing is needed from you.`
}

function did({ attempts, changed }: Story['incident']): string {
  if (attempts === 0) return 'Nothing was done'
  return changed ? `It acted: ${times(attempts, 'attempt')}` : `${times(attempts, 'attempt')}, nothing was changed`
}
