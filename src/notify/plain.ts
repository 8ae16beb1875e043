import { line, tail } from './clean.ts'
import type { Composed } from './compose.ts'
import type { Telling } from './story.ts'

/** The mail that goes out when the good one cannot be made: nothing in it can fail, and nobody is left untold. */
export function plain(telling: Telling, incidentUrl: string | null, why: unknown): Composed {
  const { incident, kind, reason, summary, revision } = telling
  const text = [
    tail(summary, 40, 500),
    '',
    `Incident ${incident}, ${kind}: ${reason}. Decided by revision ${line(revision, 80)}.`,
    ...(incidentUrl === null ? [] : [incidentUrl]),
    '',
    'The full mail could not be made, so this is only the summary. Everything is kept and shown at /incidents/' +
      `${incident}. What went wrong: ${line(why instanceof Error ? `${why.name}: ${why.message}` : String(why), 500)}`,
    '',
  ].join('\n')
  return { subject: line(`[kafka-healing] incident ${incident} ${kind}: ${line(summary, 200)}`, 110), text, html: null }
}
