import TinyQueue from 'tinyqueue'
import type { Labels, Occurrence } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import { decideOwn } from '../engine/looker.ts'
import { aimedAt, guardsOf, isLookedFor, noTarget, statedBy } from '../engine/world.ts'
import { budgetFreeAt } from '../guards/budget.ts'
import type { OwnFacts, OwnIntent } from '../guards/guard.ts'
import { waivedBy } from '../incident/approval.ts'
import { guardGapMs, pollGapMs, releaseJitterMs } from '../incident/backoff.ts'
import type { Effect, Event, Look } from '../incident/event.ts'
import type { Incident, Reason, TimerKind, Verifying } from '../incident/incident.ts'
import { electedOf, electionsAfter, leaderOf, unseats } from '../incident/leader.ts'
import { firstTarget, mayAct, type Plan, rungOf } from '../incident/plan.ts'
import { decisionOf } from '../incident/summary.ts'
import { open, transition } from '../incident/transition.ts'
import type { GuardResult, Params } from '../incident/verdict.ts'
import type { Inventory, Target } from '../inventory/inventory.ts'
import { assertNever } from '../never.ts'
import { covers, nameOf, type QuietHold } from '../store/quiet-holds.ts'
import type { Opening } from '../store/store.ts'
import { Rows } from './rows.ts'
import type { RecordedWorld } from './world.ts'

/** Told only, and nobody is told in a replay. */
const TELLING: ReadonlySet<TimerKind> = new Set(['tellBy', 'escalateAfter', 'level', 'reminder'])

/** The guard that judges each kind of hold; one that covers an incident spares the question. */
const GUARD_OF: Readonly<Record<QuietHold['kind'], string>> = {
  silence: 'not-silenced',
  pause: 'not-paused',
  window: 'maintenance',
}

/** A guard did not let an incident act. */
export interface Objection {
  readonly guard: string
  readonly verdict: Exclude<GuardResult['verdict'], 'pass'>
  readonly reason: string
}

/** What happens to the incidents of one side. */
export interface Witness {
  opened(): void
  attempted(incident: Incident, at: Instant): void
  objected(incident: Incident, objection: Objection): void
  escalated(incident: Incident, reason: Reason): void
}

/** What a plan asks of a guard over the world, and how often the record knew the answer. */
export interface AskedOfRecord {
  readonly rule: string
  readonly guard: string
  asked: number
  known: number
}

interface PlannedQuestion extends AskedOfRecord {
  readonly params?: Params
}

/** An alert that fires, with its place in the record. */
export interface Firing {
  /** Counted from 1, the same on both sides: incidents and their jitter are named after it. */
  readonly serial: number
  readonly fingerprint: string
  readonly labels: Labels
  readonly startsAt: Instant
  readonly isNewOccurrence: boolean
}

/** An open incident. */
interface Open {
  incident: Incident
  readonly timers: Map<TimerKind, Instant>
  /** Of every alert it has had, by fingerprint: a resolve does not lift a silence. */
  readonly labels: Map<string, Labels>
}

interface Due {
  readonly at: Instant
  readonly kind: TimerKind
  readonly of: Open
}

type Asked =
  | { readonly kind: 'guards' | 'probes'; readonly of: Open; readonly look: number }
  | { readonly kind: 'attempt'; readonly of: Open; readonly attempt: number; readonly rung: number }

/** How often the guards of what waits for approval are asked, in milliseconds. */
const UNAPPROVED_MS = 10 * 60_000

/** Names an incident by what opened it, the same on both sides: jitter is derived from it. */
function idBy({ serial }: Pick<Firing, 'serial'>, place: number): number {
  return serial * RULES_PER_ALERT + place
}

/** More rules than this continue into each other nowhere. */
const RULES_PER_ALERT = 1_000

/**
 * What one rule set makes of a record: the real reducer and the real guards over our own rows, in memory, in a world that does
 * what it was recorded to do. Whatever the probes would find is known, so they are asked only when it changes.
 */
export class Side {
  readonly #inventory: Inventory
  readonly #world: RecordedWorld
  readonly #witness: Witness
  readonly #idOf: typeof idBy
  readonly #rows: Rows
  readonly #open = new Map<number, Open>()
  readonly #byRule = new Map<string, Open>()
  readonly #byAlert = new Map<string, Set<Open>>()
  readonly #byTarget = new Map<string, Set<Open>>()
  readonly #timers = new TinyQueue<Due>([], sooner)
  readonly #elections = new Set<string>()
  readonly #questions = new Map<Plan, readonly PlannedQuestion[]>()
  #asked: Asked[] = []
  #now: Instant = 0

  constructor(inventory: Inventory, world: RecordedWorld, witness: Witness, idOf = idBy) {
    this.#inventory = inventory
    this.#world = world
    this.#witness = witness
    this.#idOf = idOf
    this.#rows = new Rows((target) => inventory.targets.get(target)?.rack ?? null)
  }

  /** Everything that is due before `at`; at that time comes first what the record says. */
  advance(at: Instant): void {
    for (let due = this.#timers.peek(); due && due.at < at; due = this.#timers.peek()) {
      this.#timers.pop()
      // Moved or cancelled since.
      if (due.of.timers.get(due.kind) !== due.at) continue
      due.of.timers.delete(due.kind)
      this.#now = Math.max(this.#now, due.at)
      this.#apply(due.of, { type: 'timerDue', timer: due.kind })
      this.#settle()
    }
    this.#now = Math.max(this.#now, at)
  }

  /** As `admit` does it in the store. */
  fires(alert: Firing, openings: readonly Opening[]): void {
    const { fingerprint, labels, startsAt, isNewOccurrence } = alert
    const occurrence = { fingerprint, startsAt }
    const told = new Set<Open>()
    for (const [place, opening] of openings.entries()) {
      const known = this.#byRule.get(keyOf(opening))
      if (known) told.add(known)
      const moved = known
        ? this.#apply(known, { type: 'alertFiring', occurrence })
        : this.#openFor(opening, occurrence, this.#idOf(alert, place))
      const one = known ?? this.#byRule.get(keyOf(opening))
      if (!one || !moved) continue
      told.add(one)
      one.labels.set(fingerprint, labels)
      this.#holdIfCovered(one)
    }
    if (isNewOccurrence) {
      for (const holder of this.#holders(fingerprint)) {
        if (!told.has(holder)) this.#apply(holder, { type: 'alertFiring', occurrence })
      }
    }
    this.#settle()
  }

  resolves(fingerprint: string): void {
    for (const holder of this.#holders(fingerprint)) {
      const occurrence = holder.incident.firing.find((one) => one.fingerprint === fingerprint)
      if (!occurrence) continue
      this.#apply(holder, { type: 'alertResolved', occurrence })
      this.#lookAgain(holder)
    }
    this.#settle()
  }

  /** What these alerts are about is well, or broken again: probes that are asked now say something else. */
  changes(fingerprints: readonly string[]): void {
    for (const fingerprint of fingerprints) {
      for (const holder of this.#holders(fingerprint)) this.#lookAgain(holder)
    }
    this.#settle()
  }

  /** A hold began, or `ended`; as the store does it at boundaries (S-3.4). */
  holdsChanged(ended: QuietHold | null): void {
    for (const one of this.#open.values()) {
      const { incident } = one
      const [hold] = this.#world.holdsOn(incident, one.labels)
      if (hold && incident.held === null) this.#hold(one, hold)
      else if (!hold && incident.held !== null && ended !== null && covers(ended, incident, [...one.labels.values()])) {
        const jitterMs = releaseJitterMs(incident.id, incident.subject.cluster)
        this.#apply(one, { type: 'released', jitterMs })
      }
    }
    this.#settle()
  }

  #holders(fingerprint: string): readonly Open[] {
    const holders = this.#byAlert.get(fingerprint)
    return holders ? [...holders].toSorted(older) : []
  }

  #openFor(opening: Opening, occurrence: Occurrence, id: number): boolean {
    const { plan, subject } = opening
    const target = mayAct(plan) ? firstTarget(plan, subject) : null
    const leader = target === null ? undefined : leaderOf(this.#candidates(target).map(({ incident }) => incident))
    const [incident, effects] = open(id, plan, subject, occurrence, leader?.id ?? null, this.#now)
    const one: Open = { incident, timers: new Map(), labels: new Map() }
    this.#open.set(id, one)
    this.#byRule.set(keyOf(opening), one)
    this.#witness.opened()
    this.#save(one, null, effects)
    if (leader && target !== null && unseats(incident, leader)) this.#elections.add(target)
    return true
  }

  /** Who may lead on the target, in their order (S-3.1). */
  #candidates(target: string): readonly Open[] {
    const open = this.#byTarget.get(target)
    if (!open) return []
    return [...open]
      .filter(({ incident }) => incident.state !== 'settled' && mayAct(incident.plan))
      .toSorted((a, b) => a.incident.plan.rank - b.incident.plan.rank || older(a, b))
  }

  #elect(target: string): void {
    const candidates = this.#candidates(target)
    const leader = electedOf(candidates.map(({ incident }) => incident))
    if (!leader) return
    for (const other of candidates) {
      if (other.incident.id === leader.id || other.incident.leader === leader.id) continue
      this.#apply(other, { type: 'attached', leader: leader.id })
    }
    const one = this.#open.get(leader.id)
    if (one && leader.leader !== null) this.#apply(one, { type: 'leads' })
  }

  #holdIfCovered(one: Open): void {
    if (one.incident.held !== null || one.incident.state === 'closed') return
    const [hold] = this.#world.holdsOn(one.incident, one.labels)
    if (hold) this.#hold(one, hold)
  }

  #hold(one: Open, hold: QuietHold): void {
    const reason = nameOf(hold)
    if (this.#apply(one, { type: 'held', by: reason }))
      this.#witness.objected(one.incident, { guard: GUARD_OF[hold.kind], verdict: 'hold', reason })
  }

  /** False: it changed nothing (S-3.8). */
  #apply(one: Open, event: Event): boolean {
    const before = one.incident
    const [after, effects] = transition(before, event, this.#now)
    if (after === before && effects.length === 0) return false
    one.incident = after
    this.#save(one, before, effects)
    return true
  }

  #save(one: Open, before: Incident | null, effects: readonly Effect[]): void {
    const after = one.incident
    if (before?.firing !== after.firing) {
      for (const { fingerprint } of before?.firing ?? []) drop(this.#byAlert, fingerprint, one)
      for (const { fingerprint } of after.firing) add(this.#byAlert, fingerprint, one)
    }
    if (before === null || before.target !== after.target) {
      if (before?.target) drop(this.#byTarget, before.target, one)
      if (after.target !== null) add(this.#byTarget, after.target, one)
    }
    if (after.state === 'escalated' && before?.round !== after.round) this.#witness.escalated(after, after.reason)
    for (const effect of effects) this.#carryOut(one, effect)
    for (const target of electionsAfter(before, after)) this.#elections.add(target)
    if (after.state === 'closed') this.#forget(one)
  }

  #forget(one: Open): void {
    const { incident } = one
    one.timers.clear()
    this.#open.delete(incident.id)
    this.#byRule.delete(keyOf(incident))
    for (const { fingerprint } of incident.firing) drop(this.#byAlert, fingerprint, one)
    if (incident.target !== null) drop(this.#byTarget, incident.target, one)
  }

  #carryOut(one: Open, effect: Effect): void {
    const { incident } = one
    const { target } = incident
    switch (effect.type) {
      case 'timer':
        if (!TELLING.has(effect.kind)) this.#plan(one, effect.kind, effect.dueAt)
        return
      case 'cancelTimer':
        one.timers.delete(effect.kind)
        return
      case 'evaluateGuards':
        this.#asked.push({ kind: 'guards', of: one, look: effect.look })
        return
      case 'probe':
        this.#asked.push({ kind: 'probes', of: one, look: effect.look })
        return
      case 'scheduleAttempt':
        // Before anybody else asks: what the guards said just now still holds.
        this.#asked.unshift({ kind: 'attempt', of: one, attempt: effect.attempt, rung: effect.rung })
        return
      case 'releaseHolds':
        this.#rows.release(incident.id)
        return
      case 'completeProbation':
        if (target !== null) this.#rows.completeProbation(target, effect.healedByUs, this.#now)
        return
      case 'suspendTarget':
        if (target !== null) this.#rows.resume(target)
        return
      case 'cooldown':
        if (target !== null) this.#rows.cool(target, incident.id, effect.until)
        return
      case 'electLeader':
        if (target !== null) this.#elections.add(target)
        return
      // Every attempt is run, and nobody is told.
      case 'refundAttempt':
      case 'tell':
        return
      default:
        assertNever(effect, 'effect')
    }
  }

  /** Looks that would only see again what was seen are put off until something is otherwise. */
  #plan(one: Open, kind: TimerKind, dueAt: Instant): void {
    const { incident } = one
    const broken = this.#world.isBroken(incident)
    let at = dueAt
    if (incident.state === 'escalated' && kind === 'guard') return
    if (kind === 'verifyPoll') {
      if (incident.state === 'escalated' && broken) return
      if (incident.state === 'probation' && !broken) return
      if (incident.verifying && broken) at = this.#whenFailed(one, incident.verifying, dueAt)
    }
    this.#planAt(one, kind, at)
  }

  /** The look that finds it broken for longer than it may be (S-4.9). */
  #whenFailed(one: Open, verifying: Verifying, dueAt: Instant): Instant {
    const { plan } = one.incident
    const failsAt = verifying.progressAt + (plan.runbook.verify[0]?.withinMs ?? 0)
    let { polls } = verifying
    let at = dueAt
    for (; at < failsAt; polls += 1) at += pollGapMs(polls)
    one.incident = { ...one.incident, verifying: { ...verifying, polls } }
    return at
  }

  #planAt(one: Open, kind: TimerKind, at: Instant): void {
    one.timers.set(kind, at)
    this.#timers.push({ at, kind, of: one })
  }

  #lookAgain(one: Open): void {
    const { state, reason } = one.incident
    if (state === 'verifying' || state === 'probation' || state === 'escalated' || reason === 'symptomWithoutAlert')
      this.#apply(one, { type: 'timerDue', timer: 'verifyPoll' })
  }

  /** Until nobody waits for an answer, as all that takes no time does. */
  #settle(): void {
    for (;;) {
      const [target] = this.#elections
      if (target !== undefined) {
        this.#elections.delete(target)
        this.#elect(target)
        continue
      }
      const asked = this.#asked.shift()
      if (!asked) return
      if (asked.kind === 'attempt') this.#attempt(asked.of, asked.attempt, asked.rung)
      // Another question has taken its place.
      else if (asked.of.incident.look !== asked.look || asked.of.incident.state === 'closed') continue
      else if (asked.kind === 'guards') this.#evaluate(asked.of)
      else this.#look(asked.of)
    }
  }

  #look(one: Open): void {
    const { incident } = one
    const history = this.#rows.history(incident.target, this.#now)
    const seen = seenBy(incident, this.#world.isBroken(incident))
    this.#apply(one, { type: 'looked', look: incident.look, seen, history })
  }

  #evaluate(one: Open): void {
    const { incident } = one
    const { look } = incident
    const culprit = isLookedFor(incident) ? this.#culprit(incident) : undefined
    const key = culprit === undefined ? incident.target : culprit
    const target = key === null ? null : (this.#inventory.targets.get(key) ?? null)
    const history = this.#rows.history(target?.key ?? null, this.#now)
    const about = target ? aimedAt(incident, target, history.attempts) : incident
    const intent = this.#intent(about, target)
    const facts = this.#rows.facts(
      { incident: incident.id, target: target?.key ?? null, cluster: incident.subject.cluster },
      this.#world.holdsOn(incident, one.labels),
      this.#now,
    )
    const own = decideOwn(facts, intent, this.#now).results
    const results = [...own, ...this.#worldResults(about, target, intent)]
    for (const result of results) {
      const { guard, verdict, reason } = result
      if (verdict !== 'pass' && result.gone !== true) this.#witness.objected(incident, { guard, verdict, reason })
    }
    const decision = decisionOf(results, waivedBy(incident, this.#now))
    const found = culprit === undefined ? {} : { culprit }
    this.#apply(one, { type: 'guardsEvaluated', look, decision, history, unit: null, ...found })
    this.#putOff(one, results, facts, intent)
  }

  #culprit({ subject }: Incident): string | null {
    const culprit = subject.cluster === null ? null : this.#world.culpritOf(subject.cluster, this.#now)
    return culprit !== null && this.#inventory.targets.has(culprit) ? culprit : null
  }

  #intent(incident: Incident, target: Target | null): OwnIntent {
    const disruptive = rungOf(incident.plan, incident.targetAttempts + 1).some(({ traits }) => traits.disruptive)
    return {
      incident: incident.id,
      targetKey: target?.key ?? incident.subject.key,
      cluster: incident.subject.cluster ?? '',
      disruptive,
      byPerson: false,
      attempt: incident.attempts + 1,
      rack: target?.rack ?? null,
      firstStart: !disruptive && !incident.changed && incident.targetAttempts === 0,
    }
  }

  #worldResults(incident: Incident, target: Target | null, { disruptive }: OwnIntent): readonly GuardResult[] {
    const { plan, subject } = incident
    if (!target) {
      const unknown = `the record does not say who the culprit in ${subject.cluster} was`
      const culprit: GuardResult = { guard: 'culprit', verdict: 'refuse', reason: unknown, evidence: [] }
      return [isLookedFor(incident) ? culprit : noTarget(subject.key)]
    }
    if (!this.#world.isBroken(incident)) {
      const reason = 'what the alert says is not so any more'
      return [{ guard: 'still-firing', verdict: 'refuse', reason, evidence: [], gone: true }]
    }
    const objections: GuardResult[] = []
    for (const question of this.#questionsOf(plan, target)) {
      const said = this.#world.verdictOf(question, target.key, disruptive, this.#now)
      if (said === 'passes') continue
      question.asked += 1
      if (said !== null) question.known += 1
      // Whether it fires is known here.
      if (said !== null && said.gone !== true && said.verdict !== 'pass') objections.push({ ...said, evidence: [] })
    }
    return objections
  }

  /** A plan is for one kind of target. */
  #questionsOf(plan: Plan, target: Target): readonly PlannedQuestion[] {
    const known = this.#questions.get(plan)
    if (known) return known
    const made = guardsOf(plan, target).map(({ guard: { type: guard }, params }) => {
      return { rule: plan.rule, guard, ...statedBy(params), asked: 0, known: 0 }
    })
    this.#questions.set(plan, made)
    return made
  }

  /** What had to be asked of the record so far. */
  asked(): readonly AskedOfRecord[] {
    return [...this.#questions.values()].flat()
  }

  /**
   * Budget and cooldown alone say when they will let it act, and nobody approves anything in a replay: asking before would
   * only repeat the answer.
   */
  #putOff(one: Open, results: readonly GuardResult[], facts: OwnFacts, intent: OwnIntent): void {
    const due = one.timers.get('guard')
    const objections = results.filter(({ verdict }) => verdict !== 'pass')
    if (due === undefined || !objections.every(({ guard }) => guard === 'budget' || guard === 'cooldown')) return
    const free = one.incident.reason === 'approval' ? this.#now + UNAPPROVED_MS : budgetFreeAt(facts, intent, this.#now)
    if (free === null) return
    // What is given up before does not ask again.
    const from = Math.min(Math.max(free, facts.cooldownUntil ?? 0), one.timers.get('giveUp') ?? Infinity)
    let { refusals } = one.incident
    let at = due
    for (; at < from; at += guardGapMs(refusals)) refusals += 1
    if (at === due) return
    one.incident = { ...one.incident, refusals }
    this.#planAt(one, 'guard', at)
  }

  /** It takes its holds, runs at once, and changes nothing. */
  #attempt(one: Open, attempt: number, rung: number): void {
    const { incident } = one
    const { target, plan, subject } = incident
    if (incident.state !== 'attempting' || incident.attempt !== attempt || target === null) return
    const steps = plan.runbook.rungs[rung - 1] ?? []
    const disruptive = steps.some(({ traits }) => traits.disruptive)
    const changes = steps.some(({ traits }) => traits.changes)
    const firstStart = !disruptive && !incident.changed && this.#rows.history(target, this.#now).attempts === 0
    const started = {
      incident: incident.id,
      attempt,
      target,
      cluster: subject.cluster ?? '',
      disruptive,
      firstStart,
      changes,
    }
    this.#rows.started(started, this.#now)
    this.#apply(one, { type: 'attemptStarted', attempt })
    this.#witness.attempted(one.incident, this.#now)
    const end = { outcome: 'succeeded', reason: 'all steps succeeded', changed: changes } as const
    this.#apply(one, { type: 'attemptFinished', attempt, end })
  }
}

/** All probes say the same; what is broken is so by the runbook's symptom, and would not show by itself that it stays so. */
function seenBy({ plan }: Incident, broken: boolean): Look {
  return {
    verdict: broken ? 'broken' : 'healed',
    reason: broken ? 'the alert fires' : 'the alert is over',
    mark: null,
    starting: false,
    process: null,
    conclusive: false,
    withinMs: plan.runbook.verify[0]?.withinMs ?? 0,
    symptom: plan.runbook.symptom === null ? null : broken,
    invocation: null,
  }
}

function keyOf({ plan, subject }: Pick<Incident, 'plan' | 'subject'>): string {
  return `${plan.rule}\n${subject.key}`
}

function sooner(a: Due, b: Due): number {
  return a.at - b.at || a.of.incident.id - b.of.incident.id || (a.kind < b.kind ? -1 : 1)
}

function older(a: Open, b: Open): number {
  return a.incident.id - b.incident.id
}

function add(map: Map<string, Set<Open>>, key: string, one: Open): void {
  const known = map.get(key)
  if (known) known.add(one)
  else map.set(key, new Set([one]))
}

function drop(map: Map<string, Set<Open>>, key: string, one: Open): void {
  const known = map.get(key)
  known?.delete(one)
  if (known?.size === 0) map.delete(key)
}
