import { type Moved, type Store, StoreUnavailableError } from '../store/store.ts'
import { inTurn } from './in-turn.ts'
import { type InForce, restrictionOf, takesAway } from './restrict.ts'
import { type Steady, untilCommitted } from './steady.ts'

export interface RestrictionDeps extends Steady {
  readonly store: Pick<Store, 'openIncidents' | 'apply' | 'requeueOrphans'>
  /** What is in force now; another object after each reload. */
  readonly terms: () => InForce
  /** Windows begin and end with the configuration that plans them. */
  readonly planMaintenance: () => Promise<void>
  readonly onMoved: (moved: Moved) => void
  /** Alerts are to be matched again: the core has work. */
  readonly onRequeued: () => void
}

/** Holds open incidents to what is in force, and lets alerts that nobody holds be matched again (S-3.6). */
export interface Restrictions {
  /** At a start. Throws when the store is away. */
  begin(): Promise<void>
  /** After a reload, for as long as it takes. False: given up at a shutdown. Never rejects. */
  renew(): Promise<boolean>
  /** To be told of every move: what was admitted while a reload went on may follow a revision that is no longer in force. */
  moved(moved: Moved): void
  /** Every open incident is held to what is in force. */
  areApplied(): boolean
}

export function openRestrictions(deps: RestrictionDeps): Restrictions {
  const { store, clock, log, signal, terms, planMaintenance, onMoved, onRequeued } = deps
  /** What open incidents are held to; null: nobody knows yet. */
  let heldTo: InForce | null = null
  /** Some may have come in by an earlier configuration since. */
  let strays = false

  async function pass(): Promise<void> {
    const wanted = terms()
    await planMaintenance()
    if (strays || heldTo === null || takesAway(heldTo, wanted)) {
      strays = false
      heldTo = null
      for (const incident of await store.openIncidents()) {
        // What came into force meanwhile has a pass of its own.
        if (terms() !== wanted) return
        const event = restrictionOf(incident, wanted)
        const one = event && (await store.apply(incident.id, event, clock.now()))
        if (one) onMoved(one)
      }
    }
    if ((await store.requeueOrphans(clock.now())) > 0) onRequeued()
    heldTo = wanted
  }

  const renew = inTurn(async () => {
    try {
      await untilCommitted(pass, deps)
      return true
    } catch (err) {
      const stopped = signal.aborted && err instanceof StoreUnavailableError
      if (!stopped) log.error({ err }, 'open incidents could not be held to what is in force')
      return false
    }
  })

  return {
    begin: pass,
    renew,
    moved({ before, incident }) {
      if (before !== null || incident.plan.revision === terms().revision) return
      strays = true
      void renew()
    },
    areApplied: () => heldTo === terms(),
  }
}
