/** Mutants that no test can find, because nothing that can happen tells them from the rules as they are. */
export const EQUIVALENT: readonly { readonly what: RegExp; readonly why: string }[] = [
  {
    what: /: comes after (?:broker|under|exporter)-[a-z-]+$/,
    why: 'no alert matches two of the rules, so their order decides nothing',
  },
  {
    what: /^broker-hung\.attempts\.backoff\.initial: 15m → 30m$/,
    why: '`max` cuts it off at the same quarter of an hour',
  },
  {
    what: /^broker-hung\.attempts\.backoff\.multiplier: /,
    why: 'of two attempts the second follows after `initial`; there is no third to be multiplied for',
  },
]

export function whyEquivalent(what: string): string | null {
  return EQUIVALENT.find((one) => one.what.test(what))?.why ?? null
}
