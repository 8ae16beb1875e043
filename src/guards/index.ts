import { budget } from './budget.ts'
import { cooldown } from './cooldown.ts'
import type { OwnGuard, WorldGuard } from './guard.ts'
import { identity } from './identity.ts'
import { notPaused } from './not-paused.ts'
import { notSilenced } from './not-silenced.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { stillFiring } from './still-firing.ts'
import { symptom } from './symptom.ts'

/** Guards that look at the world, in the order in which they are shown. Those with `always` need no mention in a runbook. */
export const worldGuards: readonly WorldGuard[] = [stillFiring, identity, symptom]

/** Guards over our own rows; all of them always decide, the last time inside the claim (S-5.2). */
export const ownGuards: readonly OwnGuard[] = [notPaused, notSilenced, oneAtATime, cooldown, budget]
