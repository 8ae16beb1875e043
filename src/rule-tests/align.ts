/** One line of two lists beside each other: in both, only expected, or only got. Indexes count from 0. */
export type Aligned =
  | { readonly expected: number; readonly got: number }
  | { readonly expected: number; readonly got: null }
  | { readonly expected: null; readonly got: number }

/** Two lists side by side with as much in common as their order allows; what is expected comes before what was got instead. */
export function align<E, G>(
  expected: readonly E[],
  got: readonly G[],
  fits: (expected: E, got: G) => boolean,
): readonly Aligned[] {
  const common = commonLengths(expected, got, fits)
  const length = (e: number, g: number): number => common[e]?.[g] ?? 0
  const aligned: Aligned[] = []
  let [e, g] = [0, 0]
  while (e < expected.length || g < got.length) {
    const isPair = e < expected.length && g < got.length && length(e, g) > 0 && pairAt(e, g)
    if (isPair) aligned.push({ expected: e++, got: g++ })
    else if (e < expected.length && length(e + 1, g) >= length(e, g + 1)) aligned.push({ expected: e++, got: null })
    else if (g < got.length) aligned.push({ expected: null, got: g++ })
    else aligned.push({ expected: e++, got: null })
  }
  return aligned

  function pairAt(e: number, g: number): boolean {
    return length(e, g) === length(e + 1, g + 1) + 1 && fits(expected[e] as E, got[g] as G)
  }
}

/** `[e][g]`: how many pairs the rests of the lists from there on have at most. */
function commonLengths<E, G>(
  expected: readonly E[],
  got: readonly G[],
  fits: (expected: E, got: G) => boolean,
): readonly (readonly number[])[] {
  const table = Array.from({ length: expected.length + 1 }, () => Array.from({ length: got.length + 1 }, () => 0))
  for (let e = expected.length - 1; e >= 0; e -= 1) {
    for (let g = got.length - 1; g >= 0; g -= 1) {
      const skip = Math.max(table[e + 1]?.[g] ?? 0, table[e]?.[g + 1] ?? 0)
      const pair = fits(expected[e] as E, got[g] as G) ? (table[e + 1]?.[g + 1] ?? 0) + 1 : 0
      const row = table[e]
      if (row) row[g] = Math.max(skip, pair)
    }
  }
  return table
}

/**
 * Finds for each expected the one that it stands for, whatever the order: as many as possible that fit (`score` Infinity),
 * and of the rest those that have most in common. The result has an index into `got`, or null, for each expected.
 */
export function pairUp<E, G>(
  expected: readonly E[],
  got: readonly G[],
  fits: (expected: E, got: G) => boolean,
  likeness: (expected: E, got: G) => number,
): readonly (number | null)[] {
  const ownerOf = new Map<number, number>()
  const find = (e: number, tried: Set<number>): boolean =>
    got.some((one, g) => {
      if (tried.has(g) || !fits(expected[e] as E, one)) return false
      tried.add(g)
      const owner = ownerOf.get(g)
      if (owner !== undefined && !find(owner, tried)) return false
      ownerOf.set(g, e)
      return true
    })
  for (const e of expected.keys()) find(e, new Set())
  const partner = new Map([...ownerOf].map(([g, e]) => [e, g]))
  const rest = [...expected.keys()]
    .filter((e) => !partner.has(e))
    .flatMap((e) => [...got.keys()].filter((g) => !ownerOf.has(g)).map((g) => ({ e, g })))
    .map(({ e, g }) => ({ e, g, like: likeness(expected[e] as E, got[g] as G) }))
    .filter(({ like }) => like > 0)
    .toSorted((a, b) => b.like - a.like)
  const taken = new Set<number>()
  for (const { e, g } of rest) {
    if (partner.has(e) || taken.has(g)) continue
    partner.set(e, g)
    taken.add(g)
  }
  return [...expected.keys()].map((e) => partner.get(e) ?? null)
}
