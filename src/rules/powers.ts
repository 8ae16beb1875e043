import type { Action } from '../actions/action.ts'
import type { OwnGuard, WorldGuard } from '../guards/guard.ts'
import type { Probe } from '../probes/probe.ts'

/** What rules may ask for: the entries of the registries in src/actions, src/probes and src/guards. */
export interface Powers {
  readonly actions: readonly Action[]
  readonly probes: readonly Probe[]
  readonly guards: readonly (WorldGuard | OwnGuard)[]
}
