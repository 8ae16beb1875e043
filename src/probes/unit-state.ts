import type { Clock, Instant } from '../clock.ts'
import type { Host, RunResult } from '../hosts/host.ts'
import type { UnitSeen } from '../incident/unit.ts'
import type { Unit } from '../inventory/inventory.ts'
import type { LookContext } from './probe.ts'

/** Why a unit could not be read. */
export interface UnitProblem {
  readonly problem: string
  /** `tool`: the host answered, systemctl did not (no manager, no bus, not installed). */
  readonly cause: 'unreachable' | 'authentication' | 'hostKey' | 'invalid' | 'lost' | 'tool'
}

/** How long one look may take on the host. */
export const LOOK_LIMIT_MS = 10_000

const SEEN = [
  'ActiveState',
  'SubState',
  'LoadState',
  'UnitFileState',
  'Result',
  'ExecMainCode',
  'ExecMainStatus',
  'InvocationID',
  'NRestarts',
  'Job',
] as const

/** To the second, by the host's own clock. */
export interface UnitTimes {
  /** When the process that runs, or the last one, was started. */
  readonly processAt: Instant | null
  /** When the unit last left `inactive` or `failed`: somebody, or systemd, began to start it. */
  readonly beganAt: Instant | null
  /** When the unit last became `inactive` or `failed`. */
  readonly endedAt: Instant | null
}

const TIMES = ['ExecMainStartTimestamp', 'InactiveExitTimestamp', 'InactiveEnterTimestamp'] as const

/** The unit as systemd shows it now. An unknown unit is no problem: its `loadState` is `not-found`. */
export async function readUnit(
  host: Host,
  unit: Unit,
  clock: Clock,
  signal?: AbortSignal,
): Promise<UnitSeen | UnitProblem> {
  const read = await readUnitAndTimes(host, unit, clock, signal)
  return 'problem' in read ? read : read.unit
}

async function readUnitAndTimes(
  host: Host,
  unit: Unit,
  clock: Clock,
  signal?: AbortSignal,
): Promise<{ readonly unit: UnitSeen; readonly times: UnitTimes } | UnitProblem> {
  const shown = await showUnit(host, unit, [...SEEN, ...TIMES], signal)
  if ('problem' in shown) return shown
  return {
    unit: {
      activeState: shown.ActiveState,
      subState: shown.SubState,
      loadState: shown.LoadState,
      unitFileState: shown.UnitFileState,
      result: shown.Result,
      execMainCode: shown.ExecMainCode,
      execMainStatus: Number(shown.ExecMainStatus) || 0,
      invocationId: shown.InvocationID,
      nRestarts: Number(shown.NRestarts) || 0,
      queuedJob: shown.Job === '' || shown.Job === '0' ? null : shown.Job,
      at: clock.now(),
    },
    times: {
      processAt: instantOf(shown.ExecMainStartTimestamp),
      beganAt: instantOf(shown.InactiveExitTimestamp),
      endedAt: instantOf(shown.InactiveEnterTimestamp),
    },
  }
}

const reads = new WeakMap<LookContext, ReturnType<typeof readUnitAndTimes>>()

function readOfLook(context: LookContext): ReturnType<typeof readUnitAndTimes> {
  const { host, target, clock, signal } = context
  const read = reads.get(context) ?? readUnitAndTimes(host, target.unit, clock, signal)
  reads.set(context, read)
  return read
}

/** The target's unit as this look sees it: read once, whichever guard or probe asks first. */
export async function unitOfLook(context: LookContext): Promise<UnitSeen | UnitProblem> {
  const read = await readOfLook(context)
  return 'problem' in read ? read : read.unit
}

/** When things last happened to the target's unit, of the same reading. */
export async function timesOfLook(context: LookContext): Promise<UnitTimes | UnitProblem> {
  const read = await readOfLook(context)
  return 'problem' in read ? read : read.times
}

/** Some properties of a unit, or of the manager it belongs to, each as text; empty where systemd has nothing to say. */
export async function showUnit<P extends string>(
  host: Host,
  unit: Unit,
  properties: readonly P[],
  signal?: AbortSignal,
  of: 'unit' | 'manager' = 'unit',
): Promise<Readonly<Record<P, string>> | UnitProblem> {
  if (!isUnitName(unit.name)) return { problem: `"${unit.name}" is no unit name`, cause: 'invalid' }
  const named = of === 'unit' ? [unit.name] : []
  const argv = [...systemctl({ ...unit, sudo: false }), 'show', ...named, `--property=${properties.join(',')}`]
  // Times are printed in the reader's own zone, and only UTC is written the same everywhere.
  const run = await host.run(argv, { limitMs: LOOK_LIMIT_MS, env: { TZ: 'UTC' }, ...(signal && { signal }) })
  const problem = problemOf(run)
  if (problem !== null) return problem
  const lines = run.kind === 'exited' ? run.stdout.split('\n') : []
  const shown = new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  if (!shown.has(properties[0] ?? '')) return { problem: 'systemctl show answered nothing', cause: 'tool' }
  return Object.fromEntries(properties.map((property) => [property, shown.get(property) ?? ''])) as Record<P, string>
}

function problemOf(run: RunResult): UnitProblem | null {
  if (run.kind === 'notSent') return { problem: run.reason, cause: run.cause }
  if (run.kind === 'lost') return { problem: run.reason, cause: 'lost' }
  if (run.exitCode === 0) return null
  const said = run.stderr.trim().slice(0, 500)
  return {
    problem: `systemctl ended with ${run.exitCode ?? run.signal}${said === '' ? '' : `: ${said}`}`,
    cause: 'tool',
  }
}

/** `systemctl` as the unit's manager wants to be called, without a verb. */
export function systemctl(unit: Unit): readonly string[] {
  if (unit.manager === 'user') return ['systemctl', '--user']
  return unit.sudo ? ['sudo', '-n', 'systemctl'] : ['systemctl']
}

/** When the unit's manager had started all that a boot starts; null while it still does. */
export async function readBootEnd(host: Host, unit: Unit, signal?: AbortSignal): Promise<Instant | null | UnitProblem> {
  const shown = await showUnit(host, unit, ['FinishTimestamp'], signal, 'manager')
  return 'problem' in shown ? shown : instantOf(shown.FinishTimestamp)
}

/** `Sat 2026-11-21 14:38:00 UTC`; empty or `n/a` where it never happened. */
function instantOf(text: string): Instant | null {
  const [, day, time] = /^[A-Z][a-z]{2} (\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) UTC$/.exec(text) ?? []
  return day === undefined || time === undefined ? null : Date.parse(`${day}T${time}Z`)
}

/** systemd's own alphabet; nothing that begins like an option. */
export function isUnitName(name: string): boolean {
  return name.length <= 255 && /^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*$/.test(name)
}

/** When the host booted, to the second; null when that cannot be read. */
export async function readBootTime(host: Host, signal?: AbortSignal): Promise<Instant | null> {
  const run = await host.run(['grep', '^btime ', '/proc/stat'], { limitMs: LOOK_LIMIT_MS, ...(signal && { signal }) })
  const seconds = run.kind === 'exited' && run.exitCode === 0 ? /^btime (\d+)$/m.exec(run.stdout)?.[1] : undefined
  return seconds === undefined ? null : Number(seconds) * 1000
}

/**
 * What a unit's state says about its process (S-2.5, S-2.6). `stoppedOnPurpose` is everything down that is not proven to be a
 * crash: only `crashed` and `neverStarted` may be started by a machine.
 */
export type CrashState =
  | 'running'
  | 'starting'
  | 'stopping'
  /** systemd restarts it by itself: its turn first. */
  | 'autoRestart'
  | 'crashed'
  | 'neverStarted'
  | 'stoppedOnPurpose'
  /** There is no such unit on the host, or its file cannot be loaded. */
  | 'missing'

export interface CrashFacts {
  /** When the host booted; null when not known. */
  readonly bootedAt: Instant | null
  /** When we last saw the target serving; null when never. */
  readonly servingAt: Instant | null
}

const CRASHES: ReadonlySet<string> = new Set(['core-dump', 'oom-kill', 'watchdog', 'start-limit-hit'])
/** The main process was killed, or dumped its core: codes of wait(2). */
const KILLED: ReadonlySet<string> = new Set(['2', '3'])
/** SIGINT and SIGTERM as a JVM reports them: somebody asked it to end. */
const ASKED_TO_END: ReadonlySet<number> = new Set([130, 143])

export function crashState(unit: UnitSeen, facts: CrashFacts): CrashState {
  switch (unit.activeState) {
    case 'active':
    case 'reloading':
    case 'refreshing':
      return 'running'
    case 'activating':
      return unit.subState.startsWith('auto-restart') ? 'autoRestart' : 'starting'
    case 'deactivating':
      return 'stopping'
    default:
      return downState(unit, facts)
  }
}

function downState(unit: UnitSeen, facts: CrashFacts): CrashState {
  if (unit.loadState === 'masked' || /^(masked|disabled)/.test(unit.unitFileState)) return 'stoppedOnPurpose'
  if (unit.loadState !== 'loaded') return 'missing'
  if (CRASHES.has(unit.result)) return 'crashed'
  // A stop that comes during ExecStartPre leaves the same Result, and a main process that never was (measured).
  if (unit.result === 'signal' && KILLED.has(unit.execMainCode)) return 'crashed'
  if (unit.result === 'exit-code' && !ASKED_TO_END.has(unit.execMainStatus)) return 'crashed'
  const untouched = unit.activeState === 'inactive' && unit.unitFileState === 'enabled' && unit.invocationId === ''
  const bootedSince = facts.bootedAt !== null && facts.servingAt !== null && facts.bootedAt > facts.servingAt
  return untouched && bootedSince ? 'neverStarted' : 'stoppedOnPurpose'
}
