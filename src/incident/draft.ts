import type { Instant } from '../clock.ts'
import { guardGapMs } from './backoff.ts'
import type { Effect } from './event.ts'
import type { Incident, Outcome, Reason, TellKind, TimerKind } from './incident.ts'
import { mayAct } from './plan.ts'

const CLOCKS = ['act', 'guard', 'escalateAfter', 'giveUp', 'tellBy'] as const satisfies readonly TimerKind[]
const ALL_TIMERS = [
  ...CLOCKS,
  'verifyPoll',
  'probationEnd',
  'level',
  'reminder',
] as const satisfies readonly TimerKind[]

/** They count from the escalation that began the round of telling (S-6.3). */
const OF_THE_ROUND: ReadonlySet<TimerKind> = new Set(['level', 'reminder'])

/** How often an escalated or alert-less incident is looked at again, in milliseconds (S-6.2). */
export const SLOW_POLL_MS = 60_000

/** A cooldown between incidents on one target, in milliseconds (S-3.2). */
const COOLDOWN_AFTER_ACTION_MS = 5 * 60_000
const COOLDOWN_AFTER_ESCALATION_MS = 15 * 60_000

/** What a `told` mail is about; the number makes it unique within the round (S-6.3). */
export const TOLD = {
  tellBy: 0,
  guardsPass: 10,
  startPatience: 20,
  standsStill: 21,
  disagree: 30,
  withoutAlert: 40,
  relapse: 100,
  restricted: 50,
  cancelled: 60,
  /** And the number of the request. */
  approval: 10_000,
} as const

/** What is only read in passing goes out once a day, at eight in the morning UTC (S-2.1, S-3.3). */
function nextDigestAt(now: Instant): Instant {
  const day = 24 * 3_600_000
  const eight = 8 * 3_600_000
  return Math.floor((now - eight) / day) * day + day + eight
}

/** Holds that people are told of stop `after` and `giveUp`, no other clock (S-5.2). */
function isToldHold(reason: Reason): boolean {
  return reason === 'onHold' || reason === 'approval'
}

/** The incident as it will be, and the effects gathered on the way. Lives within one transition. */
export class Draft {
  incident: Incident
  readonly effects: Effect[] = []
  readonly now: Instant

  constructor(incident: Incident, now: Instant) {
    this.incident = incident
    this.now = now
  }

  set(change: Partial<Incident>): void {
    const stateChanged = change.state !== undefined && change.state !== this.incident.state
    this.incident = { ...this.incident, ...change, ...(stateChanged && { stateSince: this.now }) }
  }

  timer(kind: TimerKind, inMs: number): void {
    this.effects.push({ type: 'timer', kind, dueAt: this.now + inMs })
  }

  cancelTimers(...kinds: readonly TimerKind[]): void {
    for (const kind of kinds) this.effects.push({ type: 'cancelTimer', kind })
  }

  /** At most one row per (incident, round, kind, level); the store drops a second one. */
  tell(kind: TellKind, level: number, reason: Reason, summary: string, to = this.incident.plan.escalation.to): void {
    const dueAt = kind === 'digest' ? nextDigestAt(this.now) : this.now
    this.effects.push({ type: 'tell', kind, level, to, reason, summary, dueAt })
    if (kind !== 'digest') this.set({ told: true })
  }

  evaluateGuards(): void {
    this.set({ look: this.incident.look + 1 })
    this.effects.push({ type: 'evaluateGuards', look: this.incident.look })
  }

  probe(symptom: boolean): void {
    this.set({ look: this.incident.look + 1 })
    this.effects.push({ type: 'probe', look: this.incident.look, symptom })
  }

  /** `tellBy` and `giveUp` run from now on; only an incident that may act has them. */
  startClocks(): void {
    const { escalation } = this.incident.plan
    if (!mayAct(this.incident.plan) || this.incident.held) return
    this.set({ clocksFrom: this.now, urgent: false })
    if (!this.incident.told) this.timer('tellBy', escalation.tellByMs)
    this.timer('giveUp', escalation.giveUpMs)
  }

  /** Waits `after` with fresh evidence (S-3.4). */
  startOver(jitterMs: number, detail: string): void {
    this.set({ state: 'waiting', reason: 'after', detail, refusals: 0, unreachableSince: null, verifying: null })
    this.set({ busySince: null, approval: null })
    this.cancelTimers('guard', 'escalateAfter', 'verifyPoll')
    if (this.incident.held) return this.hold(this.incident.held.by, SLOW_POLL_MS)
    // What ends or begins meanwhile does not bring attempts closer together (S-3.2).
    const backoff = (this.incident.backoffUntil ?? 0) - this.now
    this.timer('act', Math.max(this.incident.plan.afterMs + jitterMs, backoff))
  }

  check(detail: string): void {
    this.cancelTimers('act', 'guard')
    this.resumeGiveUp()
    this.set({ state: 'checking', reason: 'guards', detail })
    this.evaluateGuards()
  }

  /** A told hold has stopped it; one that goes on stops it again. */
  resumeGiveUp(): void {
    const { reason, plan } = this.incident
    if (isToldHold(reason) && mayAct(plan)) this.timer('giveUp', plan.escalation.giveUpMs)
  }

  /**
   * A guard did not pass: ask again after a growing gap, and tell after `escalateAfter` (S-5.2, S-6.1). What waits for a told
   * hold or for a person's approval is not given up.
   */
  waitForGuards(reason: 'refused' | 'evidenceMissing' | 'onHold' | 'approval', detail: string): void {
    if (this.incident.held) return this.hold(this.incident.held.by, SLOW_POLL_MS)
    if (isToldHold(reason)) this.cancelTimers('giveUp')
    if (this.incident.refusals === 0) this.timer('escalateAfter', this.incident.plan.escalation.escalateAfterMs)
    this.set({ state: 'waiting', reason, detail, refusals: this.incident.refusals + 1, verifying: null, attempt: null })
    this.timer('guard', guardGapMs(this.incident.refusals))
  }

  /**
   * A quiet hold stops every clock (S-3.4). Holds of our own are released by their end; one seen elsewhere (Alertmanager's)
   * must be asked for again after `recheckMs`.
   */
  hold(by: string, recheckMs?: number): void {
    // Guards of an escalated incident only tell, so they go on (S-6.2).
    const escalated = this.incident.state === 'escalated'
    this.cancelTimers(...CLOCKS.filter((kind) => kind !== 'guard' || !escalated))
    if (recheckMs !== undefined) this.timer('guard', recheckMs)
    this.set({ held: this.incident.held ?? { by, since: this.now } })
    const { state } = this.incident
    if (state !== 'waiting' && state !== 'checking') return
    this.set({ state: 'waiting', reason: 'held', detail: by, look: this.incident.look + 1 })
  }

  verify(
    because: NonNullable<Incident['verifying']>['because'],
    detail: string,
    rung?: { notBefore?: Instant; repeatable?: boolean; learns: boolean },
  ): void {
    const reason =
      because === 'resolve' ? 'afterResolve' : because === 'escalation' ? 'afterEscalation' : 'afterAttempt'
    this.cancelTimers('act', 'guard')
    this.resumeGiveUp()
    // After a resolve it may go back to waiting for the same guards: how long it has waited still counts (S-6.1).
    if (because !== 'resolve') this.cancelTimers('escalateAfter')
    // It begins anew, so what it waits for is bounded anew (S-6.1).
    if (because === 'refire') this.startClocks()
    this.set({
      state: 'verifying',
      reason,
      detail,
      verifying: {
        because,
        since: this.now,
        progressAt: rung?.notBefore ?? this.now,
        mark: null,
        process: null,
        polls: 0,
        notBefore: rung?.notBefore ?? null,
        cause: because === 'escalation' ? this.incident.reason : null,
        learns: rung?.learns ?? false,
        repeatable: rung?.repeatable ?? true,
      },
    })
    if (rung?.notBefore !== undefined && rung.notBefore > this.now) this.timer('verifyPoll', rung.notBefore - this.now)
    else this.probe(this.incident.plan.runbook.symptom !== null)
  }

  /** A person's turn. A new round of telling unless it only comes back from looking (S-6.2, S-6.3). */
  escalate(reason: Reason, detail: string, sameRound = false): void {
    const { escalation } = this.incident.plan
    this.releaseHolds()
    // Levels and reminders of the round run on while it only looks.
    this.cancelTimers(...ALL_TIMERS.filter((kind) => !sameRound || !OF_THE_ROUND.has(kind)))
    this.set({ state: 'escalated', reason, detail, verifying: null, attempt: null, probationEndsAt: null, grants: 0 })
    this.set({ approval: null, busySince: null })
    if (!sameRound) {
      this.set({ round: this.incident.round + 1, level: 1, reminders: 0 })
      if (this.incident.owner === null) this.tell('escalated', 0, reason, detail)
    }
    if (!sameRound && this.incident.owner === null) {
      const level = escalation.levels[this.incident.level - 1]
      if (level) this.timer('level', level.afterMs)
      this.timer('reminder', escalation.repeatMs)
    }
    // One that is still looked for (S-2.7) may be found.
    if (this.incident.target === null && this.incident.plan.selects !== 'culprit') return
    this.timer('verifyPoll', SLOW_POLL_MS)
    // Half-way between two looks of the probes, so that neither overtakes the other's answer.
    if (!this.incident.changed) this.timer('guard', SLOW_POLL_MS / 2)
    if (!sameRound) this.effects.push({ type: 'cooldown', until: this.now + COOLDOWN_AFTER_ESCALATION_MS })
  }

  /** Nothing more to do. It closes only when none of its alerts fires (S-3.3). */
  settle(outcome: Outcome, detail: string): void {
    this.releaseHolds()
    this.cancelTimers(...ALL_TIMERS)
    const closed = this.incident.firing.length === 0
    this.set({
      state: closed ? 'closed' : 'settled',
      reason: outcome,
      detail,
      outcome,
      closedAt: closed ? this.now : null,
      verifying: null,
      attempt: null,
      probationEndsAt: null,
      cancelling: null,
      // What a person asked for or approved was about what is over now (S-4.1).
      grants: 0,
      approval: null,
      held: closed ? null : this.incident.held,
      look: this.incident.look + 1,
    })
    this.effects.push({ type: 'electLeader' })
  }

  releaseHolds(): void {
    if (this.incident.attempts > 0) this.effects.push({ type: 'releaseHolds' })
  }

  cooldownAfterAction(): void {
    this.effects.push({ type: 'cooldown', until: this.now + COOLDOWN_AFTER_ACTION_MS })
  }
}
