import { availability } from './availability.ts'
import { breaker } from './breaker.ts'
import { budget } from './budget.ts'
import { cooldown } from './cooldown.ts'
import type { OwnGuard, WorldGuard } from './guard.ts'
import { humanFirst } from './human-first.ts'
import { identity } from './identity.ts'
import { maintenance } from './maintenance.ts'
import { noReassignment } from './no-reassignment.ts'
import { noRecovery } from './no-recovery.ts'
import { notPaused } from './not-paused.ts'
import { notSilenced } from './not-silenced.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { programGuard } from './program.ts'
import { promqlGuard } from './promql.ts'
import { quorum } from './quorum.ts'
import { stillFiring } from './still-firing.ts'
import { storm } from './storm.ts'
import { symptom } from './symptom.ts'

/** Guards that look at the world, in the order in which they are shown. Those with `always` need no mention in a runbook. */
export const worldGuards: readonly WorldGuard[] = [
  stillFiring,
  identity,
  symptom,
  humanFirst,
  availability,
  quorum,
  noRecovery,
  noReassignment,
  promqlGuard,
  programGuard,
]

/** Guards over our own rows; all of them always decide, the last time inside the claim (S-5.2). */
export const ownGuards: readonly OwnGuard[] = [
  notPaused,
  notSilenced,
  maintenance,
  storm,
  oneAtATime,
  cooldown,
  budget,
  breaker,
]
