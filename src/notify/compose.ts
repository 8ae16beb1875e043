import type { Instant } from '../clock.ts'
import { broke } from './broke.ts'
import { line } from './clean.ts'
import { type Document, sections } from './document.ts'
import { lead } from './lead.ts'
import { clusterOf, thing, thingAlone } from './naming.ts'
import { needs } from './needs.ts'
import { next } from './next.ts'
import { headline } from './phrases.ts'
import { renderHtml } from './render-html.ts'
import { renderText } from './render-text.ts'
import { guardsSaw, probesSee, refusing } from './seen.ts'
import type { Links, Story, Telling } from './story.ts'
import { moment } from './times.ts'
import { tried } from './tried.ts'

export interface Composed {
  readonly subject: string
  readonly text: string
  readonly html: string | null
}

/** A subject that a phone shows whole in two lines. */
const SUBJECT = 110

/** One mail about one incident. `notes` are what the reader must know about the mail itself, e.g. why it came to them. */
export function compose(
  story: Story,
  telling: Telling,
  links: Links,
  notes: readonly string[],
  now: Instant,
): Composed {
  const document: Document = {
    subject: subject(story, telling),
    ...lead(story, telling),
    sections: sections(
      notes.length > 0 ? { title: 'Note', blocks: [{ type: 'list', items: notes }] } : null,
      broke(story, now),
      needs(story, telling, links),
      tried(story),
      guardsSaw(story),
      probesSee(story),
      telling.kind === 'recovered' && story.timers.length === 0 ? null : next(story, now),
    ),
    foot: foot(story, telling, now),
  }
  return { subject: document.subject, text: renderText(document), html: renderHtml(document) }
}

export function subject(story: Story, telling: Telling): string {
  const guard = refusing(story)?.guard ?? null
  const what = telling.kind === 'recovered' ? thingAlone(story) : thing(story)
  return line(`[${clusterOf(story)}] ${what}: ${headline(telling, story.incident, guard)}`, SUBJECT)
}

function foot({ incident }: Story, telling: Telling, now: Instant): readonly string[] {
  const { plan } = incident
  return [
    `kafka-healing, incident ${incident.id}, ${telling.kind} (round ${telling.round}, level ${telling.level})`,
    `Rule ${line(plan.rule, 80)}, runbook ${line(plan.runbook.name, 80)}, mode ${plan.mode}, decided by revision ${line(telling.revision, 80)}`,
    `Told at ${moment(telling.createdAt)}, written at ${moment(now)}`,
  ]
}
