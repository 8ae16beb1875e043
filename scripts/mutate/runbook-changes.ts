import type { Path } from '../../src/document/document.ts'
import { type Change, durations, swap, to, toOther, without } from './changes.ts'
import type { WrittenRunbook } from './written.ts'

/** Everything that can be wrong with a runbook. */
export function changesOfRunbook(name: string, runbook: WrittenRunbook): readonly Change[] {
  const at = ['runbooks', name]
  const { symptom, guards = [], rungs, verify } = runbook
  return [
    ...(symptom === undefined ? [] : symptomChanges([...at, 'symptom'], symptom)),
    ...guards.map((_, index) => without([...at, 'guards', index])),
    ...rungs.flatMap((rung, index) => [
      ...entryChanges([...at, 'rungs'], index, rungs.length),
      ...rungChanges([...at, 'rungs', index], rung),
    ]),
    ...verify.flatMap(({ probe, within }, index) => {
      const path = [...at, 'verify', index]
      return [
        ...(verify.length > 1 ? [without(path)] : []),
        ...(probe === 'unit' ? [] : [to([...path, 'probe'], probe, 'unit')]),
        ...durations([...path, 'within'], within),
      ]
    }),
  ]
}

/** Away with an entry, and the next one before it. */
function entryChanges(list: Path, index: number, length: number): readonly Change[] {
  return [
    ...(length > 1 ? [without([...list, index])] : []),
    ...(index + 1 < length ? [swap(list, index, 'comes after the next')] : []),
  ]
}

function rungChanges(path: Path, rung: WrittenRunbook['rungs'][number]): readonly Change[] {
  return rung.flatMap((step, index) => [
    ...entryChanges(path, index, rung.length),
    ...Object.entries(step).flatMap(([type, params]) =>
      Object.entries(params).flatMap(([name, value]) => paramChanges([...path, index, type, name], value)),
    ),
  ])
}

const VERBS = ['start', 'restart', 'reset-failed']

function paramChanges(path: Path, value: unknown): readonly Change[] {
  if (typeof value === 'boolean') return [to(path, value, !value)]
  if (typeof value === 'number') return [to(path, value, value * 2)]
  if (typeof value !== 'string' || !VERBS.includes(value)) return []
  return VERBS.filter((verb) => verb !== value).map((verb) => to(path, value, verb))
}

function symptomChanges(path: Path, symptom: Readonly<Record<string, string>>): readonly Change[] {
  const ofBrokers = ['hung', 'fenced', 'out-of-sync'].map((one) => ['broker', one] as const)
  const others = [['unit', 'crashed'] as const, ...('scrape' in symptom ? [] : ofBrokers)]
  return [without(path), ...toOther(path, symptom, others)]
}
