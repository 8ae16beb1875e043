import { z } from 'zod'
import { parseTimestamp } from '../alert/payload.ts'
import type { Instant } from '../clock.ts'
import { parseDuration } from '../duration.ts'
import { invalid } from './problem.ts'

/** Fields that requests share, with what to do about a wrong one. */

const TEXT_LIMIT = 1_000

/** A line by a person: who, or why. */
export function words(what: string) {
  return z
    .string({ error: `${what} is missing; write it as text` })
    .trim()
    .min(1, { error: `${what} must not be empty` })
    .max(TEXT_LIMIT, { error: `${what} must be at most ${TEXT_LIMIT} characters long` })
}

export const name = z
  .string()
  .min(1, { error: 'must not be empty' })
  .max(300, { error: 'must be at most 300 characters long' })

export const cursor = z
  .string()
  .max(500)
  .regex(/^[\w.:=-]+$/, { error: 'is no cursor; take `next` of the page before, unchanged' })

export const limit = z.coerce
  .number({ error: 'expected a whole number from 1 to 1000' })
  .int({ error: 'expected a whole number from 1 to 1000' })
  .min(1, { error: 'expected a whole number from 1 to 1000' })
  .max(1_000, { error: 'expected a whole number from 1 to 1000' })
  .default(100)

export const incidentId = z.object({
  id: z.coerce
    .number({ error: 'expected the number of an incident' })
    .int()
    .positive({ error: 'expected the number of an incident' })
    .max(Number.MAX_SAFE_INTEGER),
})

export const timeOrAgo = z
  .string()
  .refine((text) => parseTimestamp(text) !== null || parseDuration(text) !== null, {
    error: 'expected a time such as 2026-11-21T08:49:33Z, or how long ago, such as 24h',
  })
  .describe('RFC 3339, or how long ago, e.g. 24h')

/** Reads what {@link timeOrAgo} let through. */
export function instantOf(text: string, now: Instant): Instant {
  const at = parseTimestamp(text)
  return at ?? now - (parseDuration(text) ?? 0)
}

export const time = z
  .string()
  .refine((text) => parseTimestamp(text) !== null, { error: 'expected a time such as 2026-11-21T08:49:33Z' })
  .describe('RFC 3339')

export const duration = z
  .string()
  .refine((text) => (parseDuration(text) ?? 0) > 0, { error: 'expected a duration above 0, such as 30m, 4h or 1d12h' })
  .describe('e.g. 30m, 4h, 1d12h')

export function durationOf(text: string): number {
  return parseDuration(text) ?? 0
}

/** A list in one parameter (`a,b`) or in several. */
export function listOf<const T extends readonly [string, ...string[]]>(values: T) {
  const known = z.enum(values, { error: `expected some of ${values.join(', ')}` })
  return z
    .union([z.string(), z.array(z.string())])
    .transform((given) =>
      [given]
        .flat()
        .flatMap((text) => text.split(','))
        .filter((text) => text !== ''),
    )
    .pipe(z.array(known))
}

/** Leaves out what is undefined, as exact optional properties want it. */
export function given<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

/** Refuses a span of time that ends before it begins. */
export function requireOrder(from: Instant | undefined, to: Instant | undefined): void {
  if (from !== undefined && to !== undefined && from > to) {
    throw invalid({ field: 'since', problem: 'lies after until; exchange them' })
  }
}

/** Reads a page; the store throws RangeError for a cursor that no page named. */
export async function pageOrProblem<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw invalid({ field: 'cursor', problem: 'is no cursor; take `next` of the page before, unchanged' })
  }
}
