import type { Host, RunResult } from '../hosts/host.ts'
import { KILL_GRACE_MS } from '../hosts/host.ts'
import type { StepResult } from '../incident/verdict.ts'
import type { Unit } from '../inventory/inventory.ts'
import { LOOK_LIMIT_MS, showUnit, systemctl } from '../probes/unit-state.ts'
import { notSent, outcomeOf, outputOf } from './outcome.ts'

/** Which systemd manager on a host would run a program of ours as the account that we log in as; null where none would. */
export type Manager = Unit['manager']

/**
 * A system manager runs programs as root, so it is asked only where we are root already; `sudo` for systemctl is no
 * permission to run programs as root. $1 is the manager of the target's unit.
 */
const DETECT_SCRIPT = `
command -v systemd-run >/dev/null || { echo none; exit 0; }
if [ "$1" = system ] && [ "$(id -u)" = 0 ] && systemctl show --property=Version >/dev/null 2>&1; then echo system
elif [ -S "$XDG_RUNTIME_DIR/bus" ] && systemctl --user show --property=Version >/dev/null 2>&1; then echo user
else echo none; fi
`

export async function managerOn(
  host: Host,
  wanted: Manager,
  signal: AbortSignal,
): Promise<{ readonly manager: Manager | null } | { readonly notSent: StepResult }> {
  const argv = ['sh', '-c', DETECT_SCRIPT, 'kafka-healing-detect', wanted]
  const run = await host.run(argv, { limitMs: LOOK_LIMIT_MS, signal })
  if (run.kind === 'notSent') return { notSent: notSent(run) }
  const said = run.kind === 'exited' ? run.stdout.trim() : ''
  if (run.kind === 'lost') {
    return { notSent: notSent({ kind: 'notSent', cause: 'unreachable', reason: run.reason }) }
  }
  return { manager: said === 'system' || said === 'user' ? said : null }
}

export interface TransientRun {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly limitMs: number
  readonly lock: string
  readonly signal: AbortSignal
}

/** The unit a step's program runs in: one name per step ever begun, so systemd itself refuses a second start. */
export const transientUnit = (key: string, manager: Manager): Unit => ({
  name: `kafka-healing-${key}.service`,
  manager,
  sudo: false,
})

/** Runs a program in a unit of its own, which ends it with all its children, whatever becomes of the connection. */
export async function runInUnit(host: Host, unit: Unit, wanted: TransientRun, what: string): Promise<StepResult> {
  const argv = [
    'systemd-run',
    ...(unit.manager === 'user' ? ['--user'] : []),
    `--unit=${unit.name}`,
    '--description=A step of kafka-healing',
    '--wait',
    '--pipe',
    '--quiet',
    `--property=RuntimeMaxSec=${wanted.limitMs}ms`,
    `--property=TimeoutStopSec=${KILL_GRACE_MS}ms`,
    ...Object.entries(wanted.env).map(([name, value]) => `--setenv=${name}=${value}`),
    '--',
    // systemd replaces $NAME in a command line; doubled, a dollar is a dollar.
    ...wanted.argv.map((word) => word.replaceAll('$', '$$$$')),
  ]
  // The unit ends the program at its limit; the client that waits for it is given the time to hear of it.
  const limitMs = wanted.limitMs + KILL_GRACE_MS
  const run = await host.run(argv, { limitMs, lock: wanted.lock, signal: wanted.signal })
  if (run.kind !== 'exited' || run.busy === true || run.exitCode === 0) return outcomeOf(run, what)
  return afterFailure(host, unit, run, what, wanted)
}

type Exited = Extract<RunResult, { kind: 'exited' }>

const PROPERTIES = [
  'LoadState',
  'ActiveState',
  'Result',
  'ExecMainCode',
  'ExecMainStatus',
  'ExecMainStartTimestampMonotonic',
  'ExecMainExitTimestampMonotonic',
] as const
type Shown = Readonly<Record<(typeof PROPERTIES)[number], string>>

/** A unit that failed stays loaded until it is reset: it says how the program ended. */
async function afterFailure(
  host: Host,
  unit: Unit,
  run: Exited,
  what: string,
  { limitMs, signal }: TransientRun,
): Promise<StepResult> {
  const shown = await showUnit(host, unit, PROPERTIES, signal)
  const output = outputOf(run)
  if ('problem' in shown) {
    return {
      outcome: 'unknown',
      reason: `it cannot be seen how ${what} ended: ${shown.problem}`,
      exitCode: null,
      output,
    }
  }
  if (/was already loaded/.test(run.stderr)) {
    const reason = `${what} was begun before under this step's key, and is not begun again; its unit is ${shown.ActiveState}`
    return { outcome: 'unknown', reason, exitCode: null, output }
  }
  if (shown.LoadState !== 'loaded')
    return { ...outcomeOf(run, what), reason: `${what} was not begun: ${run.stderr.trim()}` }
  if (shown.ActiveState !== 'failed' && shown.ActiveState !== 'inactive') {
    return { outcome: 'unknown', reason: `${what} still runs in ${unit.name}`, exitCode: null, output }
  }
  // Its end is known now, and a failed unit of ours is nothing that people should be alerted to.
  await host.run([...systemctl(unit), 'reset-failed', unit.name], { limitMs: LOOK_LIMIT_MS, signal })
  if (shown.Result === 'timeout' && endedByItself(shown, limitMs)) {
    return {
      outcome: 'succeeded',
      reason: `${what} ended with 0; what it left running was killed`,
      exitCode: 0,
      output,
    }
  }
  if (shown.Result === 'timeout') {
    return { outcome: 'failed', reason: `${what} was ended by its time limit`, exitCode: null, output }
  }
  const how = shown.Result === 'exit-code' ? `ended with ${shown.ExecMainStatus}` : `ended by ${shown.Result}`
  return { outcome: 'failed', reason: `${what} ${how}`, exitCode: run.exitCode, output }
}

/**
 * `timeout` is also the Result of a program that ended with 0 and left something that ignores SIGTERM: the time-out was
 * that of stopping the rest. Only before its limit can the program have ended by itself. Timestamps are microseconds.
 */
function endedByItself(shown: Shown, limitMs: number): boolean {
  const exited = shown.ExecMainCode === '1' && shown.ExecMainStatus === '0'
  const ranMs = (Number(shown.ExecMainExitTimestampMonotonic) - Number(shown.ExecMainStartTimestampMonotonic)) / 1_000
  return exited && ranMs < limitMs
}
