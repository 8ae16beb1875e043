import { formatMatcher, type Matcher } from '../alert/matcher.ts'

/** Two matchers that no label can satisfy both, in words; null when there are none. Errs on the side of null. */
export function contradiction(matchers: readonly Matcher[]): string | null {
  for (const one of matchers) {
    const values = valuesOf(one)
    const other = values && matchers.find(({ name, test }) => name === one.name && !values.some(test))
    if (other) return `no alert can match ${formatMatcher(one)} and ${formatMatcher(other)}`
  }
  return null
}

/** Whether whatever `later` matches is matched by `earlier` as well. Errs on the side of no. */
export function covers(earlier: readonly Matcher[], later: readonly Matcher[]): boolean {
  return earlier.every((wanted) =>
    later.some(
      (one) => one.name === wanted.name && (isSame(one, wanted) || valuesOf(one)?.every(wanted.test) === true),
    ),
  )
}

function isSame(one: Matcher, other: Matcher): boolean {
  return one.operator === other.operator && one.value === other.value
}

/** All values that a label may have for the matcher; null where they cannot be told one by one. */
function valuesOf({ operator, value }: Matcher): readonly string[] | null {
  if (operator === '=') return [value]
  // A pattern of plain words: `orders|payments`.
  return operator === '=~' && /^[\w :/-]+(?:\|[\w :/-]+)*$/.test(value) ? value.split('|') : null
}
