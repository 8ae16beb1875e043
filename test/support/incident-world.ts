import type { Decision, Effect, Event, Look, TargetHistory } from '../../src/incident/event.ts'
import type { Incident, TimerKind } from '../../src/incident/incident.ts'
import type { Plan } from '../../src/incident/plan.ts'
import { PASSED } from '../../src/incident/summary.ts'
import { open, transition } from '../../src/incident/transition.ts'
import { subject } from './plan.ts'

/** What the store and the loops would keep for one incident, so that the reducer can be driven without them. */
export class IncidentWorld {
  now = 1_000_000
  incident: Incident
  readonly timers = new Map<TimerKind, number>()
  readonly journal: { at: number; event: Event }[] = []
  readonly told: { round: number; kind: string; level: number; reason: string }[] = []
  readonly scheduled: { attempt: number; rung: number; byPerson: boolean; at: number }[] = []
  history: TargetHistory = { attempts: 0, heals: 0, suspended: false }
  pendingLook: { kind: 'guards' | 'probe'; look: number } | null = null
  claimable: number | null = null
  lastEffects: readonly Effect[] = []

  constructor(plan: Plan, leader: number | null = null) {
    const [incident, effects] = open(1, plan, subject, { fingerprint: 'a', startsAt: this.now - 1 }, leader, this.now)
    this.incident = incident
    this.#run(effects)
  }

  apply(event: Event): readonly Effect[] {
    const [incident, effects] = transition(this.incident, event, this.now)
    this.journal.push({ at: this.now, event })
    this.incident = incident
    this.lastEffects = effects
    this.#run(effects)
    if (incident.state !== 'attempting') this.claimable = null
    if (incident.state === 'closed') this.timers.clear()
    return effects
  }

  #run(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === 'timer') this.timers.set(effect.kind, effect.dueAt)
      else if (effect.type === 'cancelTimer') this.timers.delete(effect.kind)
      else if (effect.type === 'evaluateGuards') this.pendingLook = { kind: 'guards', look: effect.look }
      else if (effect.type === 'probe') this.pendingLook = { kind: 'probe', look: effect.look }
      else if (effect.type === 'scheduleAttempt') {
        this.scheduled.push({ ...effect, at: this.now })
        this.claimable = effect.attempt
      } else if (effect.type === 'completeProbation')
        this.history = { ...this.history, attempts: 0, heals: this.history.heals + (effect.healedByUs ? 1 : 0) }
      else if (effect.type === 'suspendTarget') this.history = { ...this.history, suspended: true }
      else if (effect.type === 'refundAttempt') this.history = { ...this.history, attempts: this.history.attempts - 1 }
      else if (effect.type === 'tell') {
        const { kind, level, reason } = effect
        const { round } = this.incident
        if (!this.told.some((t) => t.round === round && t.kind === kind && t.level === level))
          this.told.push({ round, kind, level, reason })
      }
    }
  }

  /** Jumps to the next due timer and fires it. False when none is planned. */
  fireNext(): boolean {
    const next = [...this.timers].toSorted((a, b) => a[1] - b[1])[0]
    if (!next) return false
    this.now = Math.max(this.now, next[1])
    this.timers.delete(next[0])
    this.apply({ type: 'timerDue', timer: next[0] })
    return true
  }

  /** Fires timers until the wanted one has fired. */
  until(condition: (incident: Incident) => boolean, answer?: () => void): void {
    for (let i = 0; i < 10_000 && !condition(this.incident); i++) {
      if (this.pendingLook && answer) answer()
      else if (!this.fireNext()) break
    }
    if (!condition(this.incident))
      throw new Error(`never came: stands at ${this.incident.state}/${this.incident.reason}`)
  }

  guards(change: Partial<Decision> = {}): void {
    const look = this.pendingLook?.look ?? -1
    this.pendingLook = null
    this.apply({ type: 'guardsEvaluated', look, decision: decision(change), history: this.history, unit: null })
  }

  look(change: Partial<Look> = {}): void {
    const look = this.pendingLook?.look ?? -1
    this.pendingLook = null
    this.apply({ type: 'looked', look, seen: seen(change), history: this.history })
  }

  start(): void {
    const attempt = this.claimable
    if (attempt === null) throw new Error('nothing is scheduled')
    this.claimable = null
    this.history = { ...this.history, attempts: this.history.attempts + 1 }
    this.apply({ type: 'attemptStarted', attempt })
  }

  finish(outcome: 'succeeded' | 'failed' = 'succeeded'): void {
    this.apply({
      type: 'attemptFinished',
      attempt: this.incident.attempt ?? -1,
      end: { outcome, reason: outcome, changed: true },
    })
  }
}

export function decision(change: Partial<Decision> = {}): Decision {
  return { ...PASSED, ...change }
}

export function seen(change: Partial<Look> = {}): Look {
  return {
    verdict: 'healed',
    reason: 'seen',
    mark: null,
    starting: false,
    process: null,
    conclusive: false,
    withinMs: 120_000,
    symptom: false,
    invocation: null,
    ...change,
  }
}
