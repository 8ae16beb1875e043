import type { Instant } from '../clock.ts'
import type { AttemptEnd, Decision, Event, Look } from '../incident/event.ts'
import type { Incident } from '../incident/incident.ts'
import type { Intended } from '../incident/trace.ts'
import type { GuardResult, ProbeResult, StepResult } from '../incident/verdict.ts'
import type { Baseline } from '../kafka/view.ts'
import * as admission from './admit.ts'
import { alertSeen, storedAlerts } from './alerts.ts'
import * as attempts from './attempts.ts'
import * as baselines from './baselines.ts'
import { claimAttempt, type Decide } from './claims.ts'
import * as deliveries from './deliveries.ts'
import * as demotions from './demotions.ts'
import type { Dialect } from './dialect.ts'
import * as due from './due.ts'
import { ToldMeanwhileError } from './errors.ts'
import * as escalations from './escalations.ts'
import * as gauges from './gauges.ts'
import * as history from './history.ts'
import * as inbox from './inbox.ts'
import { incidentView } from './incident-view.ts'
import { applyToOpen, loadIncident, loadOpenIncidents } from './incidents.ts'
import * as looks from './looks.ts'
import * as mails from './mails.ts'
import * as notices from './notices.ts'
import { ownFacts, type RackOf } from './own-facts.ts'
import * as pauses from './pauses.ts'
import * as quiet from './quiet-holds.ts'
import * as reconcile from './reconcile.ts'
import { prune } from './retention.ts'
import type {
  ClaimedAttempt,
  ClusterSeen,
  DueTimer,
  HistoryFilter,
  InboxRow,
  IncidentFilter,
  IncomingDelivery,
  LookTask,
  MissingAlert,
  NewMail,
  NewMaintenanceWindow,
  NewPause,
  NewSilence,
  Opening,
  RejectedDelivery,
  ShownAlert,
  Store,
  TokenAction,
  TokenValid,
  TrackFilter,
} from './store.ts'
import * as storms from './storms.ts'
import * as targets from './targets.ts'
import * as timers from './timers.ts'
import * as tokens from './tokens.ts'
import { trackRecords } from './track-records.ts'
import type { Unit } from './unit.ts'
import * as windows from './windows.ts'

/**
 * Who must wait for whom, where several processes share a database; where one owns it, all units run one after another.
 * `core` (unless another is named): one at a time, whichever process asks, so that a unit may read, decide and write as
 * if nobody else were there. `intake`: one at a time among themselves, beside the core. `both`: neither meanwhile.
 * `beside`: at any time, for units of which each statement is sound by itself, by the row it locks or the key it takes.
 */
export type Lane = 'core' | 'intake' | 'both' | 'beside'

/** Runs units; the only way to a database. */
export interface Driver {
  readonly dialect: Dialect
  /** From begin to commit. Throws StoreUnavailableError when it cannot commit. */
  run<T>(unit: () => Unit<T>, lane?: Lane): Promise<T>
  /**
   * The same for a unit that only follows from rows that are there: after a power failure it may be gone with all later
   * ones, and is done anew. Whatever leaves the process (an answer, a step, a mail) waits for a durable unit.
   */
  derive<T>(unit: () => Unit<T>, lane?: Lane): Promise<T>
  /** Only looks, at one moment of what is committed, and holds nobody up. */
  read<T>(unit: () => Unit<T>): Promise<T>
  close(): Promise<void>
}

export interface StoreOptions {
  /** For the budget per rack (S-5.10); null where the inventory in force names none. */
  readonly rackOf?: RackOf
  /** Ids of silences; random by default. */
  readonly newId?: () => string
}

/** The store over SQL. Each method is one unit; what it does stands in the file named after its subject. */
export class SqlStore implements Store {
  readonly #driver: Driver
  readonly #rackOf: RackOf
  readonly #newId: (() => string) | undefined

  constructor(driver: Driver, { rackOf, newId }: StoreOptions = {}) {
    this.#driver = driver
    this.#rackOf = rackOf ?? (() => null)
    this.#newId = newId
  }

  #run<T>(unit: () => Unit<T>, lane?: Lane): Promise<T> {
    return this.#driver.run(unit, lane)
  }
  #derive<T>(unit: () => Unit<T>, lane?: Lane): Promise<T> {
    return this.#driver.derive(unit, lane)
  }
  #read<T>(unit: () => Unit<T>): Promise<T> {
    return this.#driver.read(unit)
  }

  storeDeliveries(batch: readonly IncomingDelivery[], now: Instant) {
    return this.#run(() => deliveries.storeDeliveries(batch, now), 'intake')
  }
  setAside(row: InboxRow, problem: string, now: Instant) {
    return this.#run(() => deliveries.setAside(row, problem, now))
  }
  storeRejected(rejected: RejectedDelivery, now: Instant) {
    return this.#run(() => deliveries.storeRejected(rejected, now), 'beside')
  }
  inboxDepth() {
    return this.#read(() => inbox.inboxDepth())
  }
  heldAlerts() {
    return this.#read(() => reconcile.heldAlerts())
  }
  adopt(shown: readonly ShownAlert[], from: { readonly receiver: string; readonly graceMs: number }, now: Instant) {
    return this.#run(() => reconcile.adopt(shown, from, now), 'intake')
  }
  markGone(missing: readonly MissingAlert[], receiver: string, now: Instant) {
    return this.#run(() => reconcile.markGone(missing, receiver, now), 'intake')
  }

  nextInboxRow() {
    return this.#read(() => inbox.nextInboxRow())
  }
  admit(row: InboxRow, openings: readonly Opening[], now: Instant) {
    return this.#derive(() => admission.admit(row, openings, now))
  }
  nextInboxRows(limit: number) {
    return this.#read(() => inbox.nextInboxRows(limit))
  }
  admitAll(rows: readonly { readonly row: InboxRow; readonly openings: readonly Opening[] }[], now: Instant) {
    return this.#derive(() => due.admitAll(rows, now))
  }
  fireDue(now: Instant, jitterMs: (incident: number, cluster: string | null) => number, limit: number) {
    return this.#derive(() => due.fireDue(now, jitterMs, limit))
  }
  nextTimer(now: Instant) {
    return this.#read(() => timers.nextTimer(now))
  }
  fireTimer(timer: DueTimer, now: Instant) {
    return this.#derive(() => timers.fireTimer(timer, now))
  }
  nextDueAt() {
    return this.#read(() => timers.nextDueAt())
  }
  apply(incident: number, event: Event, now: Instant) {
    return this.#run(() => applyToOpen(incident, event, now))
  }
  holdBoundaries(now: Instant, jitterMs: (incident: number, cluster: string | null) => number) {
    return this.#derive(() => admission.holdBoundaries(now, jitterMs))
  }
  electLeader(targetKey: string, now: Instant) {
    return this.#derive(() => admission.electLeader(targetKey, now))
  }
  pendingElections() {
    return this.#read(() => timers.pendingElections())
  }
  requeueOrphans(now: Instant) {
    return this.#derive(() => inbox.requeueOrphans(now), 'both')
  }

  claimLook(owner: string, now: Instant, leaseMs: number) {
    return this.#derive(() => looks.claimLook(this.#driver.dialect, owner, now, leaseMs), 'beside')
  }
  guardsEvaluated(
    task: LookTask,
    decision: Decision,
    results: readonly GuardResult[],
    unit: Incident['firstUnit'],
    now: Instant,
    culprit?: string | null,
  ) {
    return this.#derive(() => looks.guardsEvaluated(task, decision, results, unit, now, culprit))
  }
  looked(task: LookTask, seen: Look, results: readonly ProbeResult[], symptom: readonly GuardResult[], now: Instant) {
    return this.#derive(() => looks.looked(task, seen, results, symptom, now))
  }
  targetHistory(targetKey: string, now: Instant) {
    return this.#read(() => targets.targetHistory(targetKey, now))
  }
  memory(targetKey: string, cluster: string, now: Instant) {
    return this.#read(() => targets.memory(targetKey, cluster, now))
  }
  keepBaseline(cluster: string, seen: Baseline, vanished: boolean) {
    return this.#derive(() => baselines.keepBaseline(cluster, seen, vanished))
  }
  keepOutOfSync(seen: readonly { readonly target: string; readonly out: boolean }[], at: Instant) {
    return this.#derive(() => targets.keepOutOfSync(seen, at))
  }
  rememberServing(targetKey: string, at: Instant, invocation: string | null) {
    return this.#run(() => targets.rememberServing(targetKey, at, invocation))
  }
  ownFacts(incident: number, targetKey: string | null, cluster: string | null, now: Instant) {
    const rackOf = this.#rackOf
    return this.#read(function* () {
      const found = yield* loadIncident(incident)
      if (!found) throw new Error(`there is no incident ${incident}`)
      return yield* ownFacts(found, targetKey, cluster, rackOf, now)
    })
  }

  claimAttempt(owner: string, now: Instant, leaseMs: number, decide: Decide) {
    return this.#run(() =>
      claimAttempt({ dialect: this.#driver.dialect, owner, now, leaseMs, decide, rackOf: this.#rackOf }),
    )
  }
  startStep(attempt: ClaimedAttempt, step: number, now: Instant) {
    return this.#run(() => attempts.startStep(attempt, step, now), 'beside')
  }
  finishStep(attempt: ClaimedAttempt, step: number, result: StepResult, now: Instant) {
    return this.#run(() => attempts.finishStep(attempt, step, result, now), 'beside')
  }
  recordDecision(
    incident: number,
    intent: Intended,
    decision: Decision,
    results: readonly GuardResult[],
    now: Instant,
  ) {
    return this.#run(() => looks.beforeStep(incident, intent, decision, results, now))
  }
  renewLease(attempt: ClaimedAttempt, now: Instant, leaseMs: number) {
    return this.#run(() => attempts.renewLease(this.#driver.dialect, attempt, now, leaseMs), 'beside')
  }
  finishAttempt(attempt: ClaimedAttempt, end: AttemptEnd, now: Instant) {
    return this.#run(() => attempts.finishAttempt(attempt, end, now))
  }
  handBack(attempt: ClaimedAttempt, now: Instant) {
    return this.#run(() => attempts.handBack(attempt, now))
  }
  interruptForeign(owner: string, now: Instant, running: ReadonlySet<number> = new Set()) {
    const { dialect } = this.#driver
    return this.#run(function* () {
      if (dialect.exclusive) yield* looks.requeueForeignLooks(owner)
      return yield* attempts.interruptForeign(dialect, owner, running, now)
    })
  }
  renewMails(owner: string, now: Instant, leaseMs: number) {
    return this.#run(() => mails.renewMails(this.#driver.dialect, owner, now, leaseMs), 'beside')
  }

  dueEscalations(now: Instant, limit: number) {
    return this.#read(() => escalations.dueEscalations(now, limit))
  }
  dueEscalationCount(now: Instant) {
    return this.#read(() => escalations.dueEscalationCount(now))
  }
  toldByStorm(rows: readonly number[], storm: number, now: Instant) {
    return this.#run(() => escalations.toldByStorm(rows, storm, now))
  }
  dueNotices(now: Instant, limit: number) {
    return this.#read(() => notices.dueNotices(now, limit))
  }
  enqueueNotice(notice: number, newMails: readonly NewMail[], now: Instant) {
    return this.#run(() => notices.enqueueNotice(notice, newMails, now))
  }
  enqueueMails(rows: readonly number[], newMails: readonly NewMail[], now: Instant) {
    return this.#run(() => escalations.enqueueMails(rows, newMails, now)).catch((error: unknown) => {
      if (!(error instanceof ToldMeanwhileError)) throw error
    })
  }
  claimMails(owner: string, now: Instant, leaseMs: number, limit: number) {
    return this.#run(() => mails.claimMails(this.#driver.dialect, owner, now, leaseMs, limit), 'beside')
  }
  mailSent(mail: number, owner: string, response: string, now: Instant) {
    return this.#run(() => mails.mailSent(mail, owner, response, now), 'beside')
  }
  mailDeferred(mail: number, owner: string, error: string, dueAt: Instant, _now: Instant) {
    return this.#run(() => mails.mailDeferred(mail, owner, error, dueAt), 'beside')
  }
  mailFailed(mail: number, owner: string, error: string, _now: Instant) {
    return this.#run(() => mails.mailFailed(mail, owner, error), 'beside')
  }
  releaseMails(owner: string, now: Instant) {
    return this.#run(() => mails.releaseMails(this.#driver.dialect, owner, now), 'beside')
  }
  issueToken(incident: number, action: TokenAction, expiresAt: Instant, now: Instant, request?: number) {
    return this.#run(() => tokens.issueToken(incident, action, expiresAt, now, request ?? null))
  }
  readToken(token: string, now: Instant) {
    return this.#read(() => tokens.readToken(token, now))
  }
  applyByToken(token: string, eventOf: (seen: TokenValid) => Event | null, now: Instant) {
    return this.#run(() => tokens.applyByToken(token, eventOf, now))
  }
  useToken(token: string, now: Instant) {
    return this.#run(() => tokens.useToken(token, now), 'beside')
  }

  createSilence(silence: NewSilence, now: Instant) {
    return this.#run(() => quiet.createSilence(silence, now, this.#newId?.()))
  }
  expireSilence(id: string, now: Instant) {
    return this.#run(() => quiet.expireSilence(id, now))
  }
  silence(id: string) {
    return this.#read(() => quiet.silence(id))
  }
  silences() {
    return this.#read(() => quiet.silences())
  }
  createPause(pause: NewPause, now: Instant) {
    return this.#run(() => pauses.createPause(pause, now))
  }
  endPause(scope: string, by: string, now: Instant) {
    return this.#run(() => pauses.endPause(scope, by, now))
  }
  pauses(now: Instant) {
    return this.#read(() => pauses.activePauses(now))
  }
  planWindows(planned: readonly NewMaintenanceWindow[], now: Instant) {
    return this.#run(() => windows.planWindows(planned, now))
  }
  windows(now: Instant) {
    return this.#read(() => windows.windows(now))
  }
  resumeScope(scope: string, by: string, now: Instant) {
    return this.#run(function* () {
      const lifted = yield* demotions.liftDemotions(scope, by, now)
      const starts = scope.startsWith('cluster:') && (yield* storms.resumeStarts(scope.slice('cluster:'.length)))
      return { demotions: lifted, starts }
    })
  }
  demotions() {
    return this.#read(() => demotions.demotions())
  }
  clusterSeen(cluster: string, seen: ClusterSeen, now: Instant) {
    return this.#derive(() => storms.clusterSeen(cluster, seen, now))
  }
  storms() {
    return this.#read(() => storms.storms())
  }
  resumeTarget(targetKey: string, by: string, now: Instant) {
    return this.#run(() => targets.resumeTarget(targetKey, by, now))
  }

  openIncidents() {
    return this.#read(() => loadOpenIncidents())
  }
  incidentView(id: number) {
    return this.#read(() => incidentView(id))
  }
  incidents(filter: IncidentFilter) {
    return this.#read(() => history.incidents(filter))
  }
  history(filter: HistoryFilter) {
    return this.#read(() => history.history(filter))
  }
  alerts(filter: { readonly firingOnly: boolean }) {
    return this.#read(() => storedAlerts(filter))
  }
  alertSeen(fingerprint: string, limit: number) {
    return this.#read(() => alertSeen(fingerprint, limit))
  }
  trackRecords(filter: TrackFilter) {
    return this.#read(() => trackRecords(filter))
  }
  journal(incident: number) {
    return this.#read(() => history.journalOf(incident))
  }
  gauges(now: Instant) {
    return this.#read(() => gauges.gauges(now))
  }
  prune(before: Instant, maxBytes: number | null, limit: number) {
    return this.#run(() => prune(this.#driver.dialect, before, maxBytes, limit), 'both')
  }
  ping(now: Instant) {
    return this.#run(() => gauges.ping(now), 'beside')
  }
  close() {
    return this.#driver.close()
  }
}
