import type { Document } from 'yaml'
import type { Path } from '../../src/document/document.ts'
import { formatDuration, parseDuration } from '../../src/duration.ts'

/** A change of a rules file in one place, and how to say it. */
export interface Change {
  readonly path: Path
  readonly what: string
  readonly apply: (document: Document) => void
}

export function to(path: Path, before: unknown, after: unknown): Change {
  return { path, what: `${String(before)} → ${String(after)}`, apply: (document) => document.setIn(path, after) }
}

/** Another `key: value` in the place of the only one of a mapping. */
export function toOther(
  path: Path,
  mapping: Readonly<Record<string, string>>,
  others: readonly (readonly [string, string])[],
): readonly Change[] {
  const [only] = Object.entries(mapping)
  if (only === undefined) return []
  return others
    .filter(([key, value]) => key !== only[0] || value !== only[1])
    .map(([key, value]) => ({
      path,
      what: `${only.join(': ')} → ${key}: ${value}`,
      apply: (document) => document.setIn(path, document.createNode({ [key]: value })),
    }))
}

export function without(path: Path): Change {
  return { path, what: 'taken away', apply: (document) => void document.deleteIn(path) }
}

/** An entry of a list and the next one change places. */
export function swap(list: Path, index: number, what: string): Change {
  return {
    path: [...list, index],
    what,
    apply: (document) => {
      const [one, next] = [document.getIn([...list, index], true), document.getIn([...list, index + 1], true)]
      document.setIn([...list, index], next)
      document.setIn([...list, index + 1], one)
    },
  }
}

/** Twice and half as long. */
export function durations(path: Path, text: string | undefined): readonly Change[] {
  const ms = text === undefined ? null : parseDuration(text)
  return ms === null ? [] : [ms * 2, ms / 2].map((other) => to(path, text, formatDuration(other)))
}

/** A limit that is never reached changes nothing when it grows; this one cuts off the first back-off. */
export function lowerCap(path: Path, cap: string | undefined, initial: string | undefined): readonly Change[] {
  const ms = initial === undefined ? null : parseDuration(initial)
  return cap === undefined || ms === null ? [] : [to(path, cap, formatDuration(ms / 3))]
}

/** One more and one less. */
export function counts(path: Path, count: number | undefined, min: number, max: number): readonly Change[] {
  if (count === undefined) return []
  return [count - 1, count + 1].filter((other) => other >= min && other <= max).map((other) => to(path, count, other))
}
