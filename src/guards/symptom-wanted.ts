import { iso } from '../clock.ts'
import { formatDuration } from '../duration.ts'
import type { Evidence } from '../incident/verdict.ts'
import { assertNever } from '../never.ts'
import { type BrokerSymptom, LASTS_MS } from './symptom-broker.ts'
import type { SymptomFacts } from './symptom-facts.ts'

/** What the runbook's symptom is: one of `unit`, `scrape`, `broker`. */
export type Sought = 'crashed' | 'unanswered' | BrokerSymptom

/** What each value of the look must be for that symptom to hold, by the name of the value. */
export function wantedFor(sought: Sought, facts: SymptomFacts): Readonly<Record<string, Evidence['wanted']>> {
  const { witness, memory, processAt } = facts
  const invocation = witness.kind === 'read' ? witness.unit.invocationId : ''
  const served = invocation === '' ? {} : { 'invocation last seen serving': invocation }
  const lasts = { 'out of sync since': `for ${formatDuration(LASTS_MS)}` }
  const most = { 'brokers asked': 'at least half of them clear' }
  const silent = { ApiVersions: 'no answer' }
  switch (sought) {
    case 'crashed':
      return { ...most, ...silent, unit: 'crashed, or not started since the boot' }
    case 'unanswered':
      return { scrape: 'no answer' }
    case 'hung':
      return { ...most, ...served, ...lasts, ...silent, 'ApiVersions on its own host': 'no answer' }
    case 'fenced':
      return { ...most, ...served, ...lasts, fenced: true }
    case 'out-of-sync': {
      const since = processAt === null || memory.inSyncAt === null ? {} : { 'in sync last': `after ${iso(processAt)}` }
      return { ...most, ...lasts, ...since, ApiVersions: 'ok', fenced: false }
    }
    default:
      return assertNever(sought, 'symptom')
  }
}
