import { line } from './clean.ts'
import type { Story } from './story.ts'

/** What broke, in the words of a subject line: `broker 2 down`, `exporter kafka-exporter, consumer-lag`. */
export function thing({ incident, alerts }: Pick<Story, 'incident' | 'alerts'>): string {
  const { subject, plan } = incident
  if (subject.kind === 'unresolved') return line(alerts[0]?.labels['alertname'] ?? plan.rule, 60)
  const name = `${subject.kind} ${line(subject.target.split('/').at(-1) ?? subject.target, 40)}`
  const rule = plan.rule.startsWith(`${subject.kind}-`) ? plan.rule.slice(subject.kind.length + 1) : null
  return rule === null ? `${name}, ${line(plan.rule, 40)}` : `${name} ${line(rule.replaceAll('-', ' '), 40)}`
}

/** The same without what is wrong with it, for when it is well again: `broker 2`. */
export function thingAlone({ incident, alerts }: Pick<Story, 'incident' | 'alerts'>): string {
  const { subject } = incident
  if (subject.kind === 'unresolved') return thing({ incident, alerts })
  return `${subject.kind} ${line(subject.target.split('/').at(-1) ?? subject.target, 40)}`
}

export function clusterOf({ incident }: Pick<Story, 'incident'>): string {
  return line(incident.subject.cluster ?? 'unknown cluster', 40)
}

export function times(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`
}
