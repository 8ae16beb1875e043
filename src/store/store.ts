import type { Alert, Delivery } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import type { OwnFacts, OwnIntent } from '../guards/guard.ts'
import type { AttemptEnd, Decision, Effect, Event, TargetHistory } from '../incident/event.ts'
import type { Incident, Outcome, Reason, State, TellKind, TimerKind } from '../incident/incident.ts'
import type { Plan, Step } from '../incident/plan.ts'
import type { Followed, Intended, TRACE } from '../incident/trace.ts'
import type { TrackGroup } from '../incident/track.ts'
import type { GuardResult, ProbeResult, StepResult } from '../incident/verdict.ts'
import type { Subject } from '../inventory/inventory.ts'
import type { Baseline } from '../kafka/view.ts'
import type { Notice } from '../notify/notice.ts'
import type { Memory } from '../probes/probe.ts'

/**
 * What we remember. Every method is one whole unit (one transaction) named after what happened; nothing reaches the
 * database outside one (design 4.3). All times are milliseconds; all JSON is validated on the way out.
 *
 * A method that cannot commit throws {@link StoreUnavailableError} and has changed nothing.
 */
export interface Store {
  // -- intake -------------------------------------------------------------------------------------------------------
  /** Stores a batch of deliveries in one commit: header, alerts, and one inbox row per *change* of an alert. */
  storeDeliveries(batch: readonly IncomingDelivery[], now: Instant): Promise<readonly DeliveryReceipt[]>
  /** Keeps what can never be parsed or stored as it is (escaped), so that nothing acknowledged or refused vanishes. */
  storeRejected(rejected: RejectedDelivery, now: Instant): Promise<void>
  inboxDepth(): Promise<number>
  /** All that is known as firing, for comparing with what the Alertmanagers show. */
  heldAlerts(): Promise<readonly HeldAlert[]>
  /**
   * Takes firing alerts that Alertmanager itself shows as if they had been delivered; null when none is news (S-1.4). Unlike
   * a delivery, which may be late, it also says that an occurrence known as over goes on, when Alertmanager heard of it more
   * than `graceMs` after that end.
   */
  adopt(
    shown: readonly ShownAlert[],
    from: { readonly receiver: string; readonly graceMs: number },
    now: Instant,
  ): Promise<DeliveryReceipt | null>
  /** Alerts that no Alertmanager shows any more end as `gone`; returns how many did. */
  markGone(missing: readonly MissingAlert[], receiver: string, now: Instant): Promise<number>
  /** A change of an alert that the core breaks on: kept as rejected, so that it holds nobody up and a person can see it. */
  setAside(row: InboxRow, problem: string, now: Instant): Promise<void>

  // -- the core, driven by advance(store, now) -------------------------------------------------------------------------
  nextInboxRow(): Promise<InboxRow | null>
  /** The first `limit` rows in the order they came. */
  nextInboxRows(limit: number): Promise<readonly InboxRow[]>
  /**
   * Applies one inbox row and deletes it. Firing: each opening joins the open incident of (rule, subject) or opens one.
   * Resolved: every open incident that holds the alert hears of it. Returns what moved, for metrics and loops.
   */
  admit(row: InboxRow, openings: readonly Opening[], now: Instant): Promise<readonly Moved[]>
  /** {@link admit} for several rows in their order, in one unit: all of them or none. */
  admitAll(
    rows: readonly { readonly row: InboxRow; readonly openings: readonly Opening[] }[],
    now: Instant,
  ): Promise<readonly Moved[]>
  /**
   * {@link holdBoundaries}, then up to `limit` times what demotions take away, {@link pendingElections} with
   * {@link electLeader}, and the next timer with {@link fireTimer}; in one unit: all of it or nothing.
   */
  fireDue(
    now: Instant,
    jitterMs: (incident: number, cluster: string | null) => number,
    limit: number,
  ): Promise<FiredDue>
  nextTimer(now: Instant): Promise<DueTimer | null>
  /** Deletes the timer and applies `timerDue`, exactly once (S-3.7). */
  fireTimer(timer: DueTimer, now: Instant): Promise<Moved | null>
  /** The earliest due time of anything `advance` does: inbox (0), timers, starts and ends of quiet holds. */
  nextDueAt(): Promise<Instant | null>
  /** Applies an event from outside. Null: no such open incident, or it changed nothing. */
  apply(incident: number, event: Event, now: Instant): Promise<Moved | null>
  /**
   * Silences, pauses and maintenance windows that began or ended since last asked: every open incident they cover gets `held` or `released`
   * (S-3.4). `jitterMs` derives the spread per incident. Returns what moved.
   */
  holdBoundaries(
    now: Instant,
    jitterMs: (incident: number, cluster: string | null) => number,
  ): Promise<readonly Moved[]>
  /** Open `act` incidents on the target, settled ones left out; re-elects the leader and tells the others (S-3.1). */
  electLeader(targetKey: string, now: Instant): Promise<readonly Moved[]>
  /** Targets whose leader must be found again (effect `electLeader`); drained by advance. */
  pendingElections(): Promise<readonly string[]>
  /** Firing alerts that belong to no open incident, for matching again after a reload or a start (S-3.6). Queues them in the inbox. */
  requeueOrphans(now: Instant): Promise<number>

  // -- looks (guards and probes are evaluated outside, under a lease) ----------------------------------------------------
  claimLook(owner: string, now: Instant, leaseMs: number): Promise<LookTask | null>
  /** Records a decision and applies `guardsEvaluated`; null when the look is no longer wanted. */
  guardsEvaluated(
    task: LookTask,
    decision: Decision,
    results: readonly GuardResult[],
    unit: Incident['firstUnit'],
    now: Instant,
    /** Rules that act on the culprit: the target found, or null. */
    culprit?: string | null,
  ): Promise<Moved | null>
  looked(
    task: LookTask,
    seen: Extract<Event, { type: 'looked' }>['seen'],
    results: readonly ProbeResult[],
    symptom: readonly GuardResult[],
    now: Instant,
  ): Promise<Moved | null>
  targetHistory(targetKey: string, now: Instant): Promise<TargetHistory>
  memory(targetKey: string, cluster: string, now: Instant): Promise<Memory>
  /**
   * The last complete view of a cluster (S-5.5). One in which much had `vanished` is noted, and becomes what later views are
   * compared with half a minute after it was first seen.
   */
  keepBaseline(cluster: string, seen: Baseline, vanished: boolean): Promise<void>
  /** Which targets a view found out of sync; {@link Memory.outOfSyncSince} is since when every look has. */
  keepOutOfSync(seen: readonly { readonly target: string; readonly out: boolean }[], at: Instant): Promise<void>
  rememberServing(targetKey: string, at: Instant, invocation: string | null): Promise<void>
  ownFacts(incident: number, targetKey: string | null, cluster: string | null, now: Instant): Promise<OwnFacts>

  // -- attempts --------------------------------------------------------------------------------------------------------
  /**
   * Takes the next scheduled attempt: evaluates the guards over our own rows again inside the claim, takes the holds in
   * sorted order, marks it started by `owner` and counts it on the target. A refusal is applied as `claimRefused`.
   */
  claimAttempt(
    owner: string,
    now: Instant,
    leaseMs: number,
    decide: (
      facts: OwnFacts,
      intent: OwnIntent,
      now: Instant,
    ) => { readonly decision: Decision; readonly results: readonly GuardResult[] },
  ): Promise<ClaimedAttempt | { readonly refused: Moved } | null>
  /** Commits `started` with its key before the step runs. False: the lease is no longer ours, and the step must not run. */
  startStep(attempt: ClaimedAttempt, step: number, now: Instant): Promise<boolean>
  finishStep(attempt: ClaimedAttempt, step: number, result: StepResult, now: Instant): Promise<boolean>
  /** The guards before a step, whatever they said: recorded as a decision. */
  recordDecision(
    incident: number,
    intent: Intended,
    decision: Decision,
    results: readonly GuardResult[],
    now: Instant,
  ): Promise<void>
  renewLease(attempt: ClaimedAttempt, now: Instant, leaseMs: number): Promise<boolean>
  /** Null when the attempt is not ours any more: the result is dropped (fencing). */
  finishAttempt(attempt: ClaimedAttempt, end: AttemptEnd, now: Instant): Promise<Moved | null>
  /** A clean shutdown hands back what has not begun a step: spends nothing (S-4.8). */
  handBack(attempt: ClaimedAttempt, now: Instant): Promise<void>
  /**
   * Attempts whose process is gone: where one process owns the database, all that another boot id started; where several
   * share it, those whose lease ran out. Never one of `running`, the ids that this process still works on, whatever
   * became of their lease. Each becomes `attemptInterrupted`.
   */
  interruptForeign(owner: string, now: Instant, running?: ReadonlySet<number>): Promise<readonly Moved[]>

  // -- telling people --------------------------------------------------------------------------------------------------
  /** Rows that no mail was made of yet, due by now, oldest first, with what a mail needs. */
  dueEscalations(now: Instant, limit: number): Promise<readonly DueEscalation[]>
  /** How many there are of {@link dueEscalations}. */
  dueEscalationCount(now: Instant): Promise<number>
  /** The storm's mails tell of these rows; they get none of their own (S-5.9). */
  toldByStorm(escalations: readonly number[], storm: number, now: Instant): Promise<void>
  /** Mails that belong to no single incident and are not made yet, due by now, oldest first. */
  dueNotices(now: Instant, limit: number): Promise<readonly NoticeRow[]>
  /** One unit: marks the notice as told and puts its mails in the outbox. */
  enqueueNotice(notice: number, mails: readonly NewMail[], now: Instant): Promise<void>
  /**
   * One unit: marks the rows as told and puts the mails in the outbox. Where somebody has told one of them meanwhile,
   * nothing is done: the mails say more than is left to tell, and those of the rest are to be made anew.
   */
  enqueueMails(escalations: readonly number[], mails: readonly NewMail[], now: Instant): Promise<void>
  /** Leases the next due mails. A mail of a thread is never claimed before the earlier ones of that thread and recipient are sent or dropped. */
  claimMails(owner: string, now: Instant, leaseMs: number, limit: number): Promise<readonly OutboxMail[]>
  mailSent(mail: number, owner: string, response: string, now: Instant): Promise<void>
  mailDeferred(mail: number, owner: string, error: string, dueAt: Instant, now: Instant): Promise<void>
  /** Given up on for this recipient; counted and shown, never silently gone. */
  mailFailed(mail: number, owner: string, error: string, now: Instant): Promise<void>
  /** Whoever sends lasts longer than thought: all that `owner` still has under lease stays so. */
  renewMails(owner: string, now: Instant, leaseMs: number): Promise<void>
  /**
   * At start: mails leased by another boot id are due again (a repeat is possible, S-6.3); where several processes share
   * the database, those whose lease ran out.
   */
  releaseMails(owner: string, now: Instant): Promise<number>
  /** `request` numbers the question that an approval answers. */
  issueToken(incident: number, action: TokenAction, expiresAt: Instant, now: Instant, request?: number): Promise<string>
  /** Looks at a token without using it (the GET page). */
  readToken(token: string, now: Instant): Promise<TokenSeen>
  /** Uses it up; the caller then applies the action. */
  useToken(token: string, now: Instant): Promise<TokenSeen>
  /** Applies what the token is for, and spends it only when that moved the incident: one unit. */
  applyByToken(
    token: string,
    eventOf: (seen: TokenValid) => Event | null,
    now: Instant,
  ): Promise<{ readonly seen: TokenSeen; readonly moved: Moved | null }>

  // -- holds made by people ----------------------------------------------------------------------------------------------
  createSilence(silence: NewSilence, now: Instant): Promise<Silence>
  expireSilence(id: string, now: Instant): Promise<Silence | null>
  silence(id: string): Promise<Silence | null>
  silences(): Promise<readonly Silence[]>
  createPause(pause: NewPause, now: Instant): Promise<Pause>
  endPause(scope: string, by: string, now: Instant): Promise<readonly Pause[]>
  pauses(now: Instant): Promise<readonly Pause[]>
  /**
   * Takes these for the maintenance windows of the configuration. One that was planned and is not among them has ended
   * now, or never begins. Answers how many are new and how many are gone.
   */
  planWindows(
    planned: readonly NewMaintenanceWindow[],
    now: Instant,
  ): Promise<{ readonly added: number; readonly gone: number }>
  /** Those that last or will begin, the earliest first. */
  windows(now: Instant): Promise<readonly MaintenanceWindow[]>
  /**
   * A person lets a scope (`rule:…`, `cluster:…`, `target:…`) act again: demotions are lifted (S-5.11), and with a cluster
   * starts go on that a failed one stopped in a storm (S-5.9).
   */
  resumeScope(scope: string, by: string, now: Instant): Promise<Resumed>
  /** Rules that may only inform because they failed too often. */
  demotions(): Promise<readonly Demotion[]>

  // -- clusters as a whole -------------------------------------------------------------------------------------------------
  /** A view of the cluster was taken: a storm begins, goes on, calms down, or is over, and is told (S-5.9). */
  clusterSeen(cluster: string, seen: ClusterSeen, now: Instant): Promise<StormChange>
  /** Storms that are not over. */
  storms(): Promise<readonly Storm[]>

  /** Lets a target act again that recurrence suspended (S-4.10). */
  resumeTarget(targetKey: string, by: string, now: Instant): Promise<boolean>

  // -- looking back ------------------------------------------------------------------------------------------------------
  openIncidents(): Promise<readonly Incident[]>
  incidentView(id: number): Promise<IncidentView | null>
  incidents(filter: IncidentFilter): Promise<Page<IncidentSummary>>
  history(filter: HistoryFilter): Promise<Page<HistoryItem>>
  alerts(filter: { readonly firingOnly: boolean }): Promise<readonly StoredAlert[]>
  /** One alert with whom it came by and its incidents, at most `limit` of them; null: never seen. */
  alertSeen(fingerprint: string, limit: number): Promise<AlertSeen | null>
  /** What incidents opened since then say of their rules: counted, a slice of them at a time, the newest first. */
  trackRecords(filter: TrackFilter): Promise<TrackPage>
  /** Events with their times, in order; `replay` of it equals the stored incident (S-3.8). */
  journal(incident: number): Promise<readonly JournalRow[]>
  gauges(now: Instant): Promise<Gauges>
  /** Deletes at most `limit` rows of what is older than `before` or beyond `maxBytes`; returns how many. Open incidents and unsent mails stay. */
  prune(before: Instant, maxBytes: number | null, limit: number): Promise<number>
  /** Is it writable right now? Commits one tiny row. */
  ping(now: Instant): Promise<void>
  close(): Promise<void>
}

/** The store cannot commit now (locked, full, I/O): intake answers 503, loops try again. */
export class StoreUnavailableError extends Error {
  override name = 'StoreUnavailableError'
  readonly reason: 'busy' | 'full' | 'io' | 'readonly' | 'closed' | 'other'
  constructor(reason: StoreUnavailableError['reason'], cause: unknown) {
    super(`the store cannot commit: ${reason}`, { cause })
    this.reason = reason
  }
}

export interface IncomingDelivery {
  readonly delivery: Delivery
  /** Kept only when truncated or the first of its group. */
  readonly rawBody: string
  /** Which credential spoke, by name. */
  readonly credential: string | null
}

export interface RejectedDelivery {
  readonly problem: string
  readonly rawBody: string
  readonly credential: string | null
}

export interface DeliveryReceipt {
  readonly delivery: number
  readonly firing: number
  readonly resolved: number
  readonly repeats: number
}

/** An alert that is known as firing. */
export interface HeldAlert {
  readonly fingerprint: string
  readonly startsAt: Instant
  readonly seenAt: Instant
}

/** An alert as Alertmanager itself shows it. */
export interface ShownAlert extends Alert {
  /** When Alertmanager last heard of it. */
  readonly updatedAt: Instant
  /** Who speaks, as with a delivery. */
  readonly credential: string | null
}

export interface MissingAlert {
  readonly fingerprint: string
  /** When a poll first missed it; what was heard of since then is left alone. */
  readonly since: Instant
}

/** `gone`: no Alertmanager shows it any more. What it does is what `resolved` does (S-1.3). */
export const CHANGES = ['firing', 'refired', 'resolved', 'gone'] as const

/** One change of one alert, not yet seen by the core. */
export interface InboxRow {
  readonly id: number
  readonly change: (typeof CHANGES)[number]
  readonly alert: Alert
  readonly credential: string | null
  readonly receivedAt: Instant
}

/** A rule that matches an alert, with the subject its labels name. */
export interface Opening {
  readonly plan: Plan
  readonly subject: Subject
}

/** An incident after a transition, with the effects that were written beside it. */
export interface Moved {
  readonly before: Incident | null
  readonly incident: Incident
  readonly event: Event | { readonly type: 'opened' }
  readonly effects: readonly Effect[]
}

export interface DueTimer {
  readonly incident: number
  readonly kind: TimerKind
  readonly dueAt: Instant
}

export interface FiredDue {
  readonly moved: readonly Moved[]
  /** The limit was reached; false: no timer is due any more. */
  readonly more: boolean
}

export interface LookTask {
  readonly id: number
  readonly kind: 'guards' | 'probe'
  readonly look: number
  /** Ask the symptom too (`probe`). */
  readonly symptom: boolean
  readonly incident: Incident
  /** Alerts of the incident, newest statement of each, firing first. */
  readonly alerts: readonly StoredAlert[]
}

export interface ClaimedAttempt {
  readonly id: number
  readonly incident: Incident
  readonly number: number
  readonly rung: number
  readonly steps: readonly Step[]
  readonly byPerson: boolean
  readonly owner: string
  readonly alerts: readonly StoredAlert[]
  readonly targetKey: string
  readonly scheduledAt: Instant
  readonly startedAt: Instant
}

/** `<incident>.<attempt>.<step>`, all counted from 1 (S-4.2). */
export function stepKey(incident: number, attempt: number, step: number): string {
  return `${incident}.${attempt}.${step}`
}

export interface StoredAlert extends Alert {
  readonly seenAt: Instant
  readonly firstSeenAt: Instant
}

export interface AlertSeen extends StoredAlert {
  /** Which credential spoke last, by name. */
  readonly credential: string | null
  /** The incidents that it is or was in, the newest first. */
  readonly incidents: readonly number[]
}

export interface EscalationRow {
  readonly id: number
  readonly incident: number
  readonly round: number
  readonly kind: TellKind
  readonly level: number
  readonly to: readonly string[]
  readonly reason: Reason
  readonly summary: string
  /** Which revision decided it. */
  readonly revision: string
  readonly createdAt: Instant
}

/** A row whose mail is to be made. */
export interface DueEscalation extends EscalationRow {
  /** The storm over the cluster of its incident, null in calm (S-5.9). */
  readonly storm: number | null
}

export interface NoticeRow extends Notice {
  readonly id: number
  readonly createdAt: Instant
}

export interface NewMail {
  readonly receiver: string
  readonly recipient: string
  /** Mails of one thread and recipient leave in order. */
  readonly thread: string
  readonly messageId: string
  readonly references: readonly string[]
  readonly subject: string
  readonly text: string
  readonly html: string | null
}

export interface OutboxMail extends NewMail {
  readonly id: number
  readonly tries: number
  readonly createdAt: Instant
  readonly lastError: string | null
}

export type TokenAction = 'takeOver' | 'retry' | 'silence' | 'approve'

export interface TokenValid {
  readonly state: 'valid'
  readonly incident: number
  readonly action: TokenAction
  readonly request: number | null
}

export type TokenSeen = TokenValid | { readonly state: 'used' | 'expired' | 'unknown' }

export interface SilenceMatcher {
  readonly name: string
  readonly value: string
  readonly isRegex: boolean
  readonly isEqual: boolean
}

export interface NewSilence {
  readonly matchers: readonly SilenceMatcher[]
  readonly startsAt: Instant
  readonly endsAt: Instant
  readonly author: string
  readonly comment: string
}

export interface Silence extends NewSilence {
  readonly id: string
  readonly createdAt: Instant
  readonly updatedAt: Instant
}

/** `scope`: `all`, `cluster:<name>`, `target:<key>` or `rule:<name>`. */
export interface NewPause {
  readonly scope: string
  readonly endsAt: Instant
  readonly author: string
  readonly comment: string
}

export interface Pause extends NewPause {
  readonly id: number
  readonly startsAt: Instant
}

/** One time of a maintenance window of the configuration. */
export interface NewMaintenanceWindow {
  readonly name: string
  readonly covers: WindowScope
  readonly startsAt: Instant
  readonly endsAt: Instant
  readonly comment: string
}

/** Any of the clusters or targets; all of the matchers, on one alert. */
export type WindowScope =
  | { readonly clusters: readonly string[] }
  | { readonly targets: readonly string[] }
  | { readonly matchers: readonly SilenceMatcher[] }

export interface MaintenanceWindow extends NewMaintenanceWindow {
  readonly id: string
}

/** What a view says of a cluster as a whole (S-5.9). */
export interface ClusterSeen {
  /** Brokers and controllers confirmed bad by direct probe, of `total`. */
  readonly bad: readonly string[]
  readonly total: number
  /** No listener gave any answer. */
  readonly reachesNothing: boolean
  /** Keys of the targets that are members of the quorum; null where the view cannot tell. */
  readonly voters: readonly string[] | null
  /** Null: the quorum has a leader, or the view cannot tell. */
  readonly leaderless: Leaderless | null
}

/** The quorum has no leader. */
export interface Leaderless {
  /** Keys of the brokers that were not seen serving then. */
  readonly silent: readonly string[]
  /** How many controllers there are. */
  readonly of: number
}

export type StormChange = 'none' | 'began' | 'goesOn' | 'ended'

export interface Storm {
  readonly id: number
  readonly cluster: string
  readonly beganAt: Instant
  readonly bad: readonly string[]
  readonly total: number
  /** Since when nothing that would make a storm was seen; null while it rages. */
  readonly calmSince: Instant | null
  /** The first start that failed in it, until a person resumes the cluster. */
  readonly failedStart: { readonly target: string; readonly reason: string } | null
}

/** A rule that may only inform, on one target or on all of a cluster (S-5.11). */
export interface Demotion {
  readonly id: number
  readonly rule: string
  readonly cluster: string
  /** Null: every target of the cluster. */
  readonly target: string | null
  readonly at: Instant
  readonly reason: string
}

export interface Resumed {
  readonly demotions: readonly Demotion[]
  /** Starts go on in a storm that a failed one had stopped. */
  readonly starts: boolean
}

export interface Page<T> {
  readonly items: readonly T[]
  /** Opaque cursor of the next page, null at the end. */
  readonly next: string | null
}

export interface IncidentSummary {
  readonly id: number
  readonly rule: string
  readonly cluster: string | null
  readonly subject: string
  readonly target: string | null
  readonly mode: string
  readonly state: State
  readonly reason: Reason
  readonly detail: string
  readonly outcome: Outcome | null
  readonly openedAt: Instant
  readonly stateSince: Instant
  readonly closedAt: Instant | null
  readonly attempts: number
  readonly firing: number
  readonly leader: number | null
  readonly owner: string | null
  readonly revision: string
}

export interface IncidentFilter {
  readonly states?: readonly State[]
  readonly cluster?: string
  readonly target?: string
  readonly rule?: string
  readonly limit: number
  readonly cursor?: string
}

export const ATTEMPT_STATUSES = [
  'scheduled',
  'started',
  'succeeded',
  'failed',
  'interrupted',
  'unknown',
  'notRun',
  'withdrawn',
] as const

/** One attempt, as `/history` shows it. */
export interface HistoryItem {
  readonly id: number
  readonly incident: number
  readonly attempt: number
  readonly rule: string
  /** Which revision decided it: that of the incident's plan when it was scheduled. */
  readonly revision: string
  readonly cluster: string | null
  readonly target: string
  readonly rung: number
  readonly status: (typeof ATTEMPT_STATUSES)[number]
  readonly reason: string
  readonly byPerson: boolean
  readonly scheduledAt: Instant
  readonly startedAt: Instant | null
  readonly finishedAt: Instant | null
  /** How the incident ended, where it has. */
  readonly outcome: Outcome | null
}

export interface HistoryFilter {
  readonly since?: Instant
  readonly until?: Instant
  readonly cluster?: string
  readonly target?: string
  readonly rule?: string
  readonly outcome?: string
  readonly limit: number
  readonly cursor?: string
}

export interface TrackFilter {
  readonly since: Instant
  /** Null: of all rules. */
  readonly rule: string | null
  /** `next` of the page before; null at first. */
  readonly before: number | null
  /** About so many incidents in a page. */
  readonly limit: number
}

/** A rule and cluster can be in several pages. */
export interface TrackPage {
  readonly groups: readonly TrackGroup[]
  /** One for each heal of ours, in milliseconds. */
  readonly heals: readonly {
    readonly rule: string
    readonly cluster: string | null
    readonly fromOpeningMs: number
    /** Null: the attempt began under a build that did not count. */
    readonly fromAttemptMs: number | null
  }[]
  readonly next: number | null
}

export interface StepView {
  readonly key: string
  readonly step: number
  readonly type: string
  readonly params: Readonly<Record<string, unknown>>
  readonly startedAt: Instant
  readonly finishedAt: Instant | null
  readonly result: StepResult | null
}

export interface DecisionView {
  readonly id: number
  readonly attempt: number | null
  readonly kind: 'guards' | 'claim' | 'step' | 'probe'
  readonly verdict: string
  readonly guard: string | null
  readonly reason: string
  /** Version of this shape (src/incident/trace.ts). */
  readonly trace: typeof TRACE
  /** Null in decisions from before it was kept, and so is {@link followed}. */
  readonly intent: Intended | null
  readonly results: readonly (GuardResult | ProbeResult)[]
  readonly followed: Followed | null
  readonly firstAt: Instant
  readonly lastAt: Instant
  /** Identical consecutive decisions are one row (design 4.3); its evidence is of the first, what followed of the last. */
  readonly count: number
}

export interface MailView {
  readonly id: number
  readonly messageId: string
  readonly recipient: string
  readonly subject: string
  readonly state: 'queued' | 'sent' | 'failed'
  readonly createdAt: Instant
  readonly sentAt: Instant | null
  readonly tries: number
  readonly lastError: string | null
}

/** The whole trace of one incident: everything a person or a mail needs to know why. */
export interface IncidentView {
  readonly incident: Incident
  readonly alerts: readonly StoredAlert[]
  readonly attempts: readonly (HistoryItem & { readonly steps: readonly StepView[] })[]
  readonly decisions: readonly DecisionView[]
  readonly escalations: readonly (EscalationRow & { readonly toldAt: Instant | null })[]
  readonly mails: readonly MailView[]
  readonly timers: readonly DueTimer[]
  readonly journal: readonly JournalRow[]
}

export interface JournalRow {
  readonly id: number
  readonly at: Instant
  readonly event:
    | Event
    | {
        readonly type: 'opened'
        readonly plan: Plan
        readonly subject: Subject
        readonly leader: number | null
        readonly occurrence: { readonly fingerprint: string; readonly startsAt: Instant }
      }
  readonly state: State
  readonly reason: Reason
  readonly detail: string
  readonly reducerVersion: number
}

export interface Gauges {
  readonly inboxDepth: number
  readonly incidents: Readonly<Record<State, number>>
  readonly outboxDepth: number
  /** Milliseconds since the oldest unsent mail or untold escalation was made; 0 when none. */
  readonly outboxOldestMs: number
  /** Timers more than 30 s overdue. */
  readonly timersLate: number
  readonly failedMails: number
  /** Demotions in force. */
  readonly demotions: number
  /** Clusters over which there is a storm. */
  readonly storms: readonly string[]
}
