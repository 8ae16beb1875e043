import { escalationOf } from './host-problem.ts'
import type { Judged, SymptomFacts } from './symptom-facts.ts'

/** An exporter that its own host cannot scrape either. */
export function judgeScrape({ kind, scrape: seen }: SymptomFacts): Judged {
  if (kind !== 'exporter') return { verdict: 'unknown', reason: 'only exporters are scraped' }
  if (!seen) return { verdict: 'unknown', reason: 'the inventory names no scrape address' }
  if (seen.kind === 'answered')
    return { verdict: 'refuse', reason: `it answers its own host with status ${seen.status}` }
  if (seen.kind === 'unanswered') return { verdict: 'pass', reason: `its own host gets no answer: ${seen.why}` }
  return { verdict: 'unknown', reason: seen.why, ...escalationOf(seen.cause) }
}
