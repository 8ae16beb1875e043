import { createHash } from 'node:crypto'
import type { Instant } from '../clock.ts'
import { assertNever } from '../never.ts'
import type { UnitFacts, UnitWord } from './facts.ts'

/**
 * A systemd unit with its process, as far as our looks and steps can tell them: what `systemctl show` says in each state was
 * measured on systemd 252.
 */
export interface Unit {
  /** Of the target whose unit it is: numbers its processes. */
  readonly key: string
  activeState: string
  subState: string
  loadState: string
  unitFileState: string
  result: string
  /** ExecMainCode as a code of wait(2): 0 none, 1 exited, 2 killed, 3 dumped core. */
  code: string
  status: number
  restarts: number
  /** A job is queued in systemd. */
  job: boolean
  /** Empty when systemd has forgotten, or never began one. */
  invocation: string
  /** Processes so far. */
  starts: number
  processAt: Instant | null
  beganAt: Instant | null
  endedAt: Instant | null
  process: Process
}

/** The process that runs, or ran last. What ails it ends with it. */
export interface Process {
  /** When it serves; null: never. */
  readonly servesAt: Instant | null
  /** When all its replicas are back in sync, after `servesAt`; null: never. */
  readonly inSyncAt: Instant | null
  /** When both would have been, were there not a quorum missing that it waits for; null: none is. */
  readonly awaiting: Pick<Process, 'servesAt' | 'inSyncAt'> | null
  hung: boolean
  /** Since when it does not serve, although it did; null while it serves, or has not yet. */
  silentSince: Instant | null
  /** It left its cluster in good order, so nobody waits for it. */
  left: boolean
  recovering: boolean
  fenced: boolean
  lagging: boolean
  /** Exporters: with what it answers a scrape; null: it does not. */
  answers: number | null
}

/** How long a process takes until it serves, and from then until it is in sync. Milliseconds; null: for ever. */
export interface Pace {
  readonly startupMs: number | null
  readonly catchUpMs: number | null
}

/** Runs since `at`, and has served since. */
export function runningUnit(key: string, at: Instant): Unit {
  const unit: Unit = {
    key,
    activeState: 'active',
    subState: 'running',
    loadState: 'loaded',
    unitFileState: 'enabled',
    result: 'success',
    code: '0',
    status: 0,
    restarts: 0,
    job: false,
    invocation: '',
    starts: 0,
    processAt: null,
    beganAt: null,
    endedAt: null,
    process: processOf(at, { startupMs: 0, catchUpMs: 0 }),
  }
  start(unit, at, { startupMs: 0, catchUpMs: 0 })
  return unit
}

function processOf(at: Instant, { startupMs, catchUpMs }: Pace): Process {
  const servesAt = startupMs === null ? null : at + startupMs
  return {
    servesAt,
    inSyncAt: servesAt === null || catchUpMs === null ? null : servesAt + catchUpMs,
    awaiting: null,
    hung: false,
    silentSince: null,
    left: false,
    recovering: false,
    fenced: false,
    lagging: false,
    answers: 200,
  }
}

/** A new process, started by somebody: a person or kafka-healing. */
export function start(unit: Unit, at: Instant, pace: Pace): void {
  Object.assign(unit, { activeState: 'active', subState: 'running', result: 'success', code: '0', status: 0 })
  unit.restarts = 0
  unit.job = false
  unit.starts += 1
  unit.invocation = hex(`${unit.key}/${unit.starts}`)
  unit.processAt = at
  unit.beganAt = at
  unit.process = processOf(at, pace)
}

/** A new process that systemd itself started. */
export function restartBySystemd(unit: Unit, at: Instant, pace: Pace): void {
  const { restarts } = unit
  start(unit, at, pace)
  unit.restarts = restarts + 1
}

/** Deterministic, and no two alike: 32 hexadecimal digits, as systemd's ids are. */
function hex(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

/** Of its process. */
export const pidOf = ({ starts }: Unit): number => 1_000 + starts

export function isRunning({ activeState }: Unit): boolean {
  return activeState === 'active' || activeState === 'reloading'
}

/** Whether it has a main process, be it one that is just being stopped. */
export function isUp(unit: Unit): boolean {
  return isRunning(unit) || unit.activeState === 'deactivating'
}

/** Whether its process answers its clients. */
export function serves(unit: Unit, now: Instant): boolean {
  const { servesAt, hung } = unit.process
  return isRunning(unit) && !hung && servesAt !== null && servesAt <= now
}

/** Whether the process that runs, or ran last, has ever served. */
export function hasServed({ process }: Unit, now: Instant): boolean {
  const until = process.silentSince ?? now
  return process.servesAt !== null && process.servesAt <= until
}

/** How a process ends: what systemd then shows. */
const ENDS = {
  crashed: { activeState: 'failed', subState: 'failed', result: 'signal', code: '2', status: 9 },
  'out-of-memory': { activeState: 'failed', subState: 'failed', result: 'oom-kill', code: '2', status: 9 },
  'auto-restart': { activeState: 'activating', subState: 'auto-restart', result: 'signal', code: '2', status: 9 },
  // A JVM ends with 143 on SIGTERM, which units of Kafka count as success.
  stopped: { activeState: 'inactive', subState: 'dead', result: 'success', code: '1', status: 143 },
} as const

/** `left`: in good order, by SIGTERM. */
export function end(unit: Unit, how: keyof typeof ENDS, at: Instant): void {
  silence(unit, at)
  unit.process.left ||= how === 'stopped'
  unit.process.hung = false
  unit.endedAt = how === 'auto-restart' ? unit.endedAt : at
  Object.assign(unit, ENDS[how])
}

/** A process that has not served yet does so only once there is what it waits for. */
export function holdUp(unit: Unit, there: boolean, now: Instant): void {
  const { process } = unit
  const { awaiting, servesAt, inSyncAt } = process
  if (!there && isRunning(unit) && awaiting === null && servesAt !== null && servesAt > now)
    unit.process = { ...process, servesAt: null, inSyncAt: null, awaiting: { servesAt, inSyncAt } }
  if (!there || awaiting === null) return
  const lateMs = Math.max(0, now - (awaiting.servesAt ?? now))
  const later = (at: Instant | null): Instant | null => (at === null ? null : at + lateMs)
  unit.process = { ...process, servesAt: later(awaiting.servesAt), inSyncAt: later(awaiting.inSyncAt), awaiting: null }
}

/** The process died with that status right after its start. */
export function failStart(unit: Unit, status: number, at: Instant): void {
  start(unit, at, { startupMs: null, catchUpMs: null })
  end(unit, 'crashed', at)
  Object.assign(unit, { result: 'exit-code', code: '1', status })
}

/** Clears a failed state; how the main process ended stays. */
export function resetFailed(unit: Unit): void {
  if (unit.activeState === 'failed')
    Object.assign(unit, { activeState: 'inactive', subState: 'dead', result: 'success' })
  unit.restarts = 0
}

/** The host booted: enabled units are started by it. */
export function boot(unit: Unit, at: Instant, pace: Pace, starts: boolean): void {
  end(unit, 'stopped', at)
  Object.assign(unit, { result: 'success', code: '0', status: 0, invocation: '', restarts: 0 })
  Object.assign(unit, { processAt: null, beganAt: null, endedAt: null })
  if (starts && unit.loadState === 'loaded' && unit.unitFileState === 'enabled') start(unit, at, pace)
}

function silence(unit: Unit, at: Instant): void {
  const { process } = unit
  if (process.silentSince === null && process.servesAt !== null && process.servesAt <= at) process.silentSince = at
}

/** Makes the unit what a test says of it, as of `at`. */
export function become(unit: Unit, word: UnitWord, at: Instant, pace: Pace): void {
  switch (word) {
    case 'running':
      return run(unit, at, pace)
    case 'starting':
      return start(unit, at, pace)
    case 'recovering':
      restartBySystemd(unit, at, pace)
      unit.process.recovering = true
      return
    case 'hung':
      if (!isUp(unit)) run(unit, at, { startupMs: 0, catchUpMs: 0 })
      silence(unit, at)
      unit.process.hung = true
      unit.process.answers = null
      return
    case 'crashed':
    case 'out-of-memory':
    case 'auto-restart':
    case 'stopped':
      return end(unit, word, at)
    case 'stopping':
      silence(unit, at)
      unit.process.left = true
      Object.assign(unit, { activeState: 'deactivating', subState: 'stop-sigterm' })
      return
    case 'disabled':
      end(unit, 'stopped', at)
      unit.unitFileState = 'disabled'
      return
    case 'masked':
      end(unit, 'stopped', at)
      Object.assign(unit, { loadState: 'masked', unitFileState: 'masked' })
      return
    case 'never-started':
      return boot(unit, at, pace, false)
    case 'missing':
      boot(unit, at, pace, false)
      Object.assign(unit, { loadState: 'not-found', unitFileState: '' })
  }
}

/** Well again: the same process where it lives, else one that systemd was about to start, or that somebody does. */
function run(unit: Unit, at: Instant, pace: Pace): void {
  if (unit.activeState !== 'active' || unit.loadState !== 'loaded') {
    const bySystemd = unit.subState.startsWith('auto-restart')
    Object.assign(unit, { loadState: 'loaded', unitFileState: 'enabled' })
    return bySystemd ? restartBySystemd(unit, at, pace) : start(unit, at, pace)
  }
  const { servesAt, inSyncAt } = unit.process
  // One that hung was away from its cluster, and catches up.
  const away = unit.process.hung && pace.catchUpMs !== null ? at + pace.catchUpMs : inSyncAt
  unit.process = { ...processOf(at, pace), servesAt: servesAt ?? at, inSyncAt: away ?? at }
}

type FinerFacts = Exclude<UnitFacts, string>

/** The state that finer facts are about, where they do not say it in a word. */
export function wordOf(facts: UnitFacts): UnitWord | null {
  if (typeof facts === 'string') return facts
  if (facts.is !== undefined) return facts.is
  switch (facts.active) {
    case 'active':
    case 'reloading':
      return 'running'
    case 'inactive':
      return 'stopped'
    case 'failed':
      return 'crashed'
    case 'activating':
      return facts.sub?.startsWith('auto-restart') === true ? 'auto-restart' : 'starting'
    case 'deactivating':
      return 'stopping'
    case undefined:
      return facts.result === undefined ? null : 'crashed'
    default:
      return assertNever(facts.active, 'state')
  }
}

/** How the main process ended, where only the result is said. */
const FITTING: Readonly<Record<string, { readonly code: string; readonly status: number }>> = {
  success: { code: '0', status: 0 },
  'exit-code': { code: '1', status: 1 },
  'start-limit-hit': { code: '1', status: 1 },
  'core-dump': { code: '3', status: 6 },
  signal: { code: '2', status: 9 },
  'oom-kill': { code: '2', status: 9 },
  watchdog: { code: '2', status: 6 },
  timeout: { code: '2', status: 9 },
}
const CODES = { exited: '1', killed: '2', dumped: '3' } as const

/** What `systemctl show` says, one by one, on top of the state that it is about. */
export function refine(unit: Unit, facts: FinerFacts): void {
  const { active, sub, load, file, result, code, status, restarts, job } = facts
  const fitting = result === undefined ? undefined : FITTING[result]
  Object.assign(unit, {
    ...(active !== undefined && { activeState: active, ...(active === 'activating' && { subState: 'start' }) }),
    ...(sub !== undefined && { subState: sub }),
    ...(load !== undefined && { loadState: load }),
    ...(file !== undefined && { unitFileState: file }),
    ...(result !== undefined && { result, ...fitting }),
    ...(code !== undefined && { code: CODES[code] }),
    ...(status !== undefined && { status }),
    ...(restarts !== undefined && { restarts }),
    ...(job !== undefined && { job }),
  })
}
