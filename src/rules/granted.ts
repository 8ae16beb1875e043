import { actions } from '../actions/index.ts'
import { ownGuards, worldGuards } from '../guards/index.ts'
import { probes } from '../probes/index.ts'
import type { Powers } from './powers.ts'

/** What this build grants to rules: everything in the three registries. */
export const granted: Powers = {
  actions,
  probes,
  guards: [...worldGuards, ...ownGuards],
}
