import type { Difference } from '../../replay/differences.ts'
import type { Report } from '../../replay/report.ts'

/** What a summary says beside its figures. */
export interface Shown {
  /** Where the rules are from. */
  readonly before: string
  readonly after: string
  /** The alerts to print with it; none where they were printed one by one. */
  readonly details: readonly Difference[]
  /** So many more are treated differently than were printed. */
  readonly leftOut: number
}

/** How a replay is printed: `begin`, then each alert by itself where all are wanted, then the summary. */
export interface Format {
  readonly begin: string
  readonly alert: (difference: Difference) => string
  readonly summary: (report: Report, shown: Shown) => string
}
