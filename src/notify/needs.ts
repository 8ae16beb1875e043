import { mayAct } from '../incident/plan.ts'
import { line } from './clean.ts'
import { type Block, type Link, type Section, webLink } from './document.ts'
import type { Links, Story, Telling } from './story.ts'

type Action = 'takeOver' | 'retry' | 'silence' | 'approve'

/** Where a person without a link does the same, relative to the address that kafka-healing listens on. */
const PATHS: Readonly<Record<Exclude<Action, 'silence'>, string>> = {
  takeOver: 'take-over',
  retry: 'retry',
  approve: 'approve',
}

/** Which actions a mail offers: none where nothing is left to decide. */
export function offered(story: Pick<Story, 'incident'>, telling: Pick<Telling, 'kind'>): readonly Action[] {
  const { incident } = story
  if (telling.kind === 'recovered' || telling.kind === 'digest') return []
  if (incident.state === 'closed' || incident.state === 'settled' || incident.state === 'probation') return []
  const takeOver: readonly Action[] = incident.owner === null ? ['takeOver'] : []
  const canRetry = mayAct(incident.plan) && incident.subject.kind !== 'unresolved'
  const approve: readonly Action[] = asksApproval(incident) ? ['approve'] : []
  const wantsIt = telling.kind !== 'told' || incident.state === 'escalated'
  const retry: readonly Action[] = canRetry && wantsIt ? ['retry'] : []
  return [...approve, ...takeOver, ...retry, 'silence']
}

/** A question that nobody has answered yet (S-3.5). */
export function asksApproval({ approval, state }: Story['incident']): boolean {
  return approval !== null && approval.by === null && (state === 'waiting' || state === 'checking')
}

/** What it needs from a person, with the buttons to do it. */
export function needs(story: Story, telling: Telling, links: Links): Section {
  const blocks: Block[] = [{ type: 'text', text: sentence(story, telling) }]
  const runbook = runbooks(story)
  if (runbook.length > 0) blocks.push({ type: 'links', links: runbook })
  const page = story.incident.plan.runbook.url
  if (page !== null && !URL.canParse(page))
    blocks.push({ type: 'text', text: `Runbook: ${line(page, 200)}, in the repository of the rules.` })
  blocks.push(...doing(story, telling, links))
  return { title: 'What it needs from you', blocks }
}

function sentence({ incident }: Story, { kind }: Telling): string {
  if (kind === 'recovered') return 'Nothing.'
  if (asksApproval(incident) && kind !== 'escalated')
    return `Say whether it may: ${line(incident.approval?.about ?? '', 600)}. Without a yes it does nothing.`
  if (kind === 'refused')
    return 'Look at what refused. Either let it pass, and it acts by itself, or take over and do it by hand.'
  if (kind === 'told' && incident.state !== 'escalated') return 'Nothing yet. Take over if you want it left to you.'
  if (incident.owner !== null) return 'It is closed as soon as the probes find it well.'
  return 'Take over, so that others know and no reminder comes. When you have repaired it, the probes notice; nothing needs to be confirmed.'
}

/** Runbooks by the alerts' annotation and by the plan: written by others, so only web addresses become links. */
function runbooks({ alerts, incident }: Story): readonly Link[] {
  const urls = [incident.plan.runbook.url, ...alerts.map((alert) => alert.annotations['runbook_url'])]
  const found = urls.map((url) => webLink('Runbook', url)?.url).filter((url) => url !== undefined)
  return [...new Set(found)].slice(0, 3).map((url) => ({ label: 'Runbook', url }))
}

function doing(story: Story, telling: Telling, links: Links): readonly Block[] {
  const labels: Readonly<Record<Action, string>> = {
    approve: 'Approve',
    takeOver: 'Take over',
    retry: 'Retry once',
    silence: 'Silence',
  }
  const actions = offered(story, telling)
  const made = actions.flatMap((action) => webLink(labels[action], links[action]) ?? [])
  const page = webLink(`Incident ${story.incident.id}`, links.incident)
  const all = page === null ? made : [...made, page]
  if (all.length > 0) return [{ type: 'links', links: all }]
  if (actions.length === 0) return []
  return [
    {
      type: 'text',
      text: 'There are no links, because external_url is not configured. By hand, where kafka-healing listens:',
    },
    { type: 'output', text: actions.map((action) => byHand(action, story)).join('\n') },
  ]
}

function byHand(action: Action, { incident, alerts }: Story): string {
  if (action !== 'silence') {
    const request = action === 'approve' && incident.approval ? { request: incident.approval.request } : {}
    return post(`incidents/${incident.id}/${PATHS[action]}`, { by: 'your name', ...request })
  }
  // It stands in somebody's shell line: only what can be nothing but a name.
  const name = line(alerts[0]?.labels['alertname'] ?? '', 60).replace(/[^\w -]/g, '.')
  const matchers = [`alertname="${name}"`]
  return post('silence', { matchers, author: 'your name', comment: `incident ${incident.id}`, duration: '2h' })
}

function post(path: string, body: Readonly<Record<string, unknown>>): string {
  const headers = `-H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json'`
  return `curl ${headers} -d '${JSON.stringify(body)}' "$KAFKA_HEALING/${path}"`
}
