import { whyEquivalent } from './equivalent.ts'
import type { Checked } from './run.ts'

/** The share of mutants, equivalent ones and those that `check` refuses left out, that tests must find. */
export const WANTED = 0.95

export interface Score {
  readonly ok: boolean
  readonly text: string
  readonly survivors: readonly Checked[]
}

/** An equivalent mutant that was found is none, and hides the next one of its name: it counts as a fault of the list. */
export function scoreOf(checked: readonly Checked[]): Score {
  const isListed = ({ mutant }: Checked): boolean => whyEquivalent(mutant.what) !== null
  const judged = checked.filter(({ fate }) => fate !== 'refused')
  const counted = judged.filter((one) => !isListed(one))
  const survivors = counted.filter(({ fate }) => fate === 'survived')
  const falsely = judged.filter((one) => isListed(one) && one.fate === 'killed')
  const killed = counted.length - survivors.length
  const share = counted.length === 0 ? 0 : killed / counted.length
  const text = [
    `${killed} of ${counted.length} mutants found by tests (${(share * 100).toFixed(1)} %)`,
    `${checked.length - judged.length} more are refused by check`,
    `${judged.length - counted.length} are equivalent`,
    ...(falsely.length > 0 ? [`not equivalent after all: ${falsely.map(({ mutant }) => mutant.what).join('; ')}`] : []),
  ].join(', ')
  return { ok: share >= WANTED && falsely.length === 0, text, survivors }
}
