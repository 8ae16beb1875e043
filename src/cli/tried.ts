import type { TriedRule } from '../rules/explain-match.ts'

/** What became of one rule, for people: it matches, which matchers do not hold, or why it was not asked. */
export function judged({ result, failing, skipped, continues }: TriedRule): string {
  if (result === 'notTried') return `not tried: ${skipped} matched and does not continue`
  if (result === 'matches') return continues ? 'matches, and goes on to the next rules' : 'matches'
  return failing
    .map(
      ({ matcher, value }) => `${matcher} does not hold: it is ${value === null ? 'not there' : JSON.stringify(value)}`,
    )
    .join('; ')
}
