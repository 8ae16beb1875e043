import type { Alert } from '../alert/alert.ts'
import { type Instant, iso } from '../clock.ts'

/** Names of fields that hold an {@link Instant} in what the store gives out. */
type TimeName = `${string}At` | `${string}Since` | `${string}Until` | 'at' | 'since' | 'until' | 'notBefore'

const TIME_NAME = /^(?:\w+At|\w+Since|\w+Until|at|since|until|notBefore)$/

/** A value of ours as an answer holds it: the same, with each time as text. */
export type Presented<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer U)[]
    ? Presented<U>[]
    : {
        -readonly [K in keyof T]: K extends TimeName
          ? T[K] extends Instant | null | undefined
            ? Timed<T[K]>
            : Presented<T[K]>
          : Presented<T[K]>
      }

type Timed<T> = T extends number ? string : T

/** What people wrote stays as it is, whatever its keys are called. */
const FREE_FORM = new Set(['params', 'labels', 'annotations'])

/** The one place where times leave as `2026-11-21T08:49:33.649Z` (RFC 3339, UTC). */
export function present<T>(value: T): Presented<T> {
  return converted(value) as Presented<T>
}

function converted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(converted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (typeof inner === 'number' && TIME_NAME.test(name)) return [name, isoOrNull(inner)]
      return [name, FREE_FORM.has(name) ? inner : converted(inner)]
    }),
  )
}

/** Times from alerts may lie outside what a date can show. */
function isoOrNull(at: Instant): string | null {
  return Math.abs(at) <= 8.64e15 ? iso(at) : null
}

/** The alert's name, for people. */
export function alertName({ labels }: Pick<Alert, 'labels'>): string {
  return labels['alertname'] ?? '(no alertname)'
}
