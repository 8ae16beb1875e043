import type { StepFacts } from './facts.ts'

/** What a test says of steps. Each entry is for the next step that it fits, in the order in which they are written. */
export interface Script {
  /** What comes of this step; undefined: it does what it is for. `verb`: of `systemd`. */
  next(target: string, type: string, verb?: string): StepFacts | undefined
  /** Entries that no step has come to yet. */
  unused(): readonly StepFacts[]
}

export function openScript(steps: readonly StepFacts[]): Script {
  const left = steps.map((facts) => ({ facts, times: facts.times ?? 1 }))
  return {
    next(target, type, verb) {
      const found = left.find(
        ({ facts, times }) => times > 0 && facts.on === target && (facts.step === type || facts.step === verb),
      )
      if (!found) return undefined
      found.times -= 1
      return found.facts
    },
    unused: () => left.filter(({ facts, times }) => times === (facts.times ?? 1)).map(({ facts }) => facts),
  }
}
