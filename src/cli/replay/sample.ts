import type { Difference } from '../../replay/differences.ts'

/**
 * Some of the alerts that are treated differently: the first ones of each way, so that a frequent one does not hide the
 * others. Holds no more than it may print for each way.
 */
export class Sample {
  readonly #most: number
  readonly #ways = new Map<string, Difference[]>()

  constructor(most: number) {
    this.#most = most
  }

  add(difference: Difference): void {
    const { kinds, indirect, before, after } = difference
    const way = JSON.stringify([kinds, indirect, ...[before, after].map((all) => all.map(({ rule }) => rule))])
    const known = this.#ways.get(way)
    if (known === undefined) this.#ways.set(way, [difference])
    else if (known.length < this.#most) known.push(difference)
  }

  /** In the order of time. */
  chosen(): readonly Difference[] {
    const chosen: Difference[] = []
    for (let round = 0; round < this.#most; round += 1) {
      for (const way of this.#ways.values()) {
        const next = way[round]
        if (next && chosen.length < this.#most) chosen.push(next)
      }
    }
    return chosen.toSorted((a, b) => a.firedAt - b.firedAt)
  }
}
