/** What has been used to make a line read as something else: escape sequences, a title, C1, bidi, line breaks, a bell. */
export const EVIL = 'x\u001b[2J\u001b]0;t\u0007\u009b31m\r\n\u202eevil\u2066\u200b\u2028\ud800'

const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g')

/** Without our own colours. */
export function unpainted(text: string): string {
  return text.replaceAll(COLOUR, '')
}

/** Nothing that a terminal obeys, but for line breaks. */
export function isHarmless(text: string): boolean {
  return !/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u.test(text.replaceAll('\n', ''))
}

/** The same with `EVIL` at the end of every text, the keys of records included, but for those under the names in `spared`. */
export function poisoned(value: unknown, spared: ReadonlySet<string>): unknown {
  if (typeof value === 'string') return value + EVIL
  if (Array.isArray(value)) return value.map((one) => poisoned(one, spared))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, spared.has(key) ? inner : poisoned(inner, spared)]),
  )
}
