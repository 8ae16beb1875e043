import { RE2JS } from 're2js'
import type { Labels } from './alert.ts'

export type MatcherOperator = '=' | '!=' | '=~' | '!~'

/** One condition on one label. Made by {@link makeMatcher} or matcher-syntax.ts, so that its pattern is known to compile. */
export interface Matcher {
  readonly name: string
  readonly operator: MatcherOperator
  readonly value: string
  /** Whether a label value (empty when the label is missing) satisfies the condition. */
  readonly test: (value: string) => boolean
}

/** Longer patterns are refused: RE2 is linear in the text, but its program grows with the pattern. */
const LONGEST_PATTERN = 2_000

/** Makes a matcher; patterns are RE2 and must match the whole value, as in Alertmanager. The problem is a sentence. */
export function makeMatcher(
  name: string,
  operator: MatcherOperator,
  value: string,
): { readonly ok: Matcher } | { readonly problem: string } {
  if (name === '') return { problem: 'the label name is empty' }
  if (operator === '=') return { ok: { name, operator, value, test: (seen) => seen === value } }
  if (operator === '!=') return { ok: { name, operator, value, test: (seen) => seen !== value } }
  if (value.length > LONGEST_PATTERN) return { problem: `the pattern is longer than ${LONGEST_PATTERN} characters` }
  try {
    const pattern = RE2JS.compile(value)
    const whole = (seen: string): boolean => pattern.matches(seen)
    return { ok: { name, operator, value, test: operator === '=~' ? whole : (seen) => !whole(seen) } }
  } catch (error) {
    return {
      problem: `the pattern ${JSON.stringify(value)} is not RE2: ${error instanceof Error ? error.message : String(error)}`,
    }
  }
}

/** All must hold. A missing label is the empty string, so `foo!="x"` holds for every alert without `foo`. */
export function matches(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every(({ name, test }) => test(Object.hasOwn(labels, name) ? (labels[name] ?? '') : ''))
}

/**
 * Whether nothing in these matchers narrows them down, so that a silence of them would cover (nearly) every alert. Errs on
 * the side of yes: a negative matcher holds for each alert that lacks the label, and a pattern that takes values as
 * different as the ones below takes anything. Alertmanager itself lets `nolabel!="x"` through.
 */
export function matchesEverything(matchers: readonly Matcher[]): boolean {
  return !matchers.some(
    ({ operator, test }) => (operator === '=' || operator === '=~') && !test('') && !UNLIKE.every(test),
  )
}

const UNLIKE = ['Kafka', '7', 'a-b_c:9092', '\u{1f9ea} ~x', 'KafkaBrokerDown']

/** The matcher as Alertmanager prints it; reads back to an equal one. */
export function formatMatcher({ name, operator, value }: Matcher): string {
  const shown = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) ? name : quote(name)
  return `${shown}${operator}${quote(value)}`
}

function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')}"`
}
