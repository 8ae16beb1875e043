import { line } from './clean.ts'
import { times } from './naming.ts'
import type { Story } from './story.ts'
import { duration } from './times.ts'

/** Who or what made it well, and how long it was broken as far as we saw it. */
export function recovery({ incident }: Pick<Story, 'incident'>): { readonly who: string; readonly tookMs: number } {
  const until = incident.healedAt ?? incident.closedAt ?? incident.stateSince
  return { who: who(incident), tookMs: until - incident.openedAt }
}

function who({ changed, owner, attempts }: Story['incident']): string {
  if (owner !== null) {
    const before = attempts > 0 ? `, after ${times(attempts, 'attempt')} of kafka-healing` : ''
    return `after ${line(owner, 40)} took over${before}`
  }
  if (changed) return `healed by attempt ${attempts} of kafka-healing`
  return 'healed by somebody else or by itself; kafka-healing changed nothing'
}

export function tookWords(ms: number): string {
  return `${duration(ms)} after the incident was opened`
}
