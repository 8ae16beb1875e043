import type { Instant } from '../clock.ts'
import { line } from './clean.ts'
import type { Block, Section } from './document.ts'
import { clusterOf, times } from './naming.ts'
import type { Story } from './story.ts'
import { duration, moment } from './times.ts'

const ALERTS = 5
const LABELS = 24

/** What broke and since when, in the words of the alerts. */
export function broke({ incident, alerts }: Story, now: Instant): Section {
  const { subject } = incident
  const starts = [...incident.firing, ...alerts].map((one) => one.startsAt)
  const since = starts.length > 0 ? Math.min(...starts) : incident.openedAt
  const what = subject.kind === 'unresolved' ? `unknown: ${line(subject.problem, 300)}` : line(subject.target, 120)
  const rows: (readonly [string, string])[] = [
    ['Target', what],
    ['Cluster', clusterOf({ incident })],
    ['Since', `${moment(since)} (${duration(now - since)} ago)`],
    ['Opened', moment(incident.openedAt)],
    ['Now', `${incident.state}, ${incident.reason}: ${line(incident.detail, 400)}`],
    ['Alerts', `${incident.firing.length} of ${times(alerts.length, 'alert')} firing`],
  ]
  const shown = alerts
    .toSorted((a, b) => Number(b.status === 'firing') - Number(a.status === 'firing'))
    .slice(0, ALERTS)
  const blocks: Block[] = [{ type: 'facts', rows }]
  for (const alert of shown) blocks.push(...words(alert))
  if (alerts.length > shown.length)
    blocks.push({ type: 'text', text: `and ${times(alerts.length - shown.length, 'more alert')}` })
  return { title: 'What broke', blocks }
}

function words(alert: Story['alerts'][number]): readonly Block[] {
  const { labels, annotations } = alert
  const said = annotations['summary'] ?? annotations['description'] ?? annotations['message'] ?? ''
  const name = line(labels['alertname'] ?? 'alert without a name', 80)
  const pairs = Object.entries(labels)
    .filter(([key]) => key !== 'alertname')
    .slice(0, LABELS)
    .map(([key, value]) => `${line(key, 60)}=${line(value, 120)}`)
  return [
    {
      type: 'text',
      text: `${name}, ${alert.status} since ${moment(alert.startsAt)}${said === '' ? '' : `: ${line(said, 400)}`}`,
    },
    ...(pairs.length > 0 ? [{ type: 'output' as const, text: pairs.join('\n') }] : []),
  ]
}
