import type { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { Host } from '../hosts/host.ts'
import type { Traits } from '../incident/plan.ts'
import type { StepResult } from '../incident/verdict.ts'
import type { Target, TargetKind } from '../inventory/inventory.ts'

export interface ActionContext {
  readonly target: Target
  readonly host: Host
  /** The controller machine itself, for programs that run beside kafka-healing. */
  readonly local: Host
  /** `<incident>.<attempt>.<step>`: unique per step ever begun; handed to the target so that it can be recognised. */
  readonly key: string
  readonly limitSeconds: number
  /** What whole values may be interpolated from (`labels.…`, `target.…`, `incident.…`). */
  readonly values: Values
  /** Time limits are measured with it. */
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Whole values that a parameter may name; see src/actions/interpolate.ts. */
export interface Values {
  readonly labels: Readonly<Record<string, string>>
  readonly target: Readonly<Record<string, string>>
  readonly incident: Readonly<Record<string, string>>
}

/** A command, or the sentence that says why there is none. `local`: it runs beside kafka-healing, not on the target's host. */
export type Argv = ({ readonly argv: readonly string[] } | { readonly problem: string }) & { readonly local?: boolean }

/** A type of step. One file, one line in index.ts. */
export interface Action<S extends z.ZodType = z.ZodType> {
  readonly type: string
  readonly summary: string
  /** No transforms: JSON Schemas are generated from it. */
  readonly params: S
  readonly targets: readonly TargetKind[]
  traits(params: z.infer<S>, kind: TargetKind): Traits
  /** The command that it would send, for `plan` and for `doctor --print sudoers`; left out where there is no single one. */
  argv?(params: z.infer<S>, context: Pick<ActionContext, 'target' | 'values'>): Argv
  /** Never throws for what the world does; a thrown error is a defect and becomes `unknown`. */
  run(params: z.infer<S>, context: ActionContext): Promise<StepResult>
}

export function defineAction<S extends z.ZodType>(action: Action<S>): Action<S> {
  return action
}
