import type { Clock } from '../clock.ts'
import type { RunOptions, RunResult } from '../hosts/host.ts'
import type { StepFacts, WorldFacts } from './facts.ts'
import { clusterOf, type Model, paceOf, type TargetModel } from './model.ts'
import { exited, missed } from './ran.ts'
import { end, failStart, isRunning, isUp, resetFailed, start } from './unit.ts'

/** What steps need of the simulation. */
export interface Stepping {
  readonly model: Model
  readonly clock: Clock
  /** What a test says of the next step of that kind on the target; undefined: it does what it is for. */
  readonly told: (target: string, type: string, verb?: string) => StepFacts | undefined
  /** A step has changed the world, or goes with a change that a test wants. */
  readonly change: (then?: WorldFacts) => void
  /** Units of programs that failed, by name: they stay loaded until they are reset. */
  readonly transients: Map<string, Readonly<Record<string, string>>>
  /** A step that only reads begins: why it does not, or null once its time is over. */
  readonly begin: (target: string, type: string) => Promise<RunResult | null>
}

/** `systemctl start | restart | reset-failed`. */
export async function changeUnit(
  verb: string,
  name: string,
  one: TargetModel | undefined,
  options: RunOptions,
  stepping: Stepping,
): Promise<RunResult> {
  const { transients, clock, model } = stepping
  if (verb === 'reset-failed' && transients.delete(name)) return exited('')
  if (!one || one.unit.loadState === 'not-found')
    return exited('', 5, `Failed to ${verb} ${name}: Unit ${name} not found.\n`)
  const { unit, target } = one
  const told = stepping.told(target.key, 'systemd', verb)
  const unbegun = notRun(told, target.unit.sudo)
  if (unbegun) return after(told, stepping, unbegun)
  if (unit.loadState === 'masked' && verb !== 'reset-failed')
    return exited('', 1, `Failed to ${verb} ${name}: Unit ${name} is masked.\n`)
  if (told?.outcome === 'unknown') return after(told, stepping, lost())

  const fails = told?.outcome === 'failed'
  const finish = (): void => {
    const now = clock.now()
    if (verb === 'reset-failed') {
      if (!fails) resetFailed(unit)
    } else if (verb === 'restart' || !isRunning(unit)) {
      if (isUp(unit)) end(unit, 'stopped', now)
      if (told?.output !== undefined) one.log = told.output
      if (fails) failStart(unit, told.exit ?? 1, now)
      else start(unit, now, paceOf(one, clusterOf(model, target)))
    }
    stepping.change(told?.then)
  }
  const takes = told?.takes ?? 0
  if (takes > 0) {
    if (verb !== 'reset-failed') {
      if (isUp(unit)) end(unit, 'stopped', clock.now())
      Object.assign(unit, { activeState: 'activating', subState: 'start', job: true })
      stepping.change()
    }
    // What systemd has begun goes on, whatever becomes of the command that asked for it.
    const finished = clock.sleep(takes).then(finish)
    if (takes > options.limitMs) {
      await clock.sleep(options.limitMs)
      return { ...exited('', 124), timedOut: true }
    }
    await finished
  } else finish()
  if (!fails) return exited('')
  if (verb === 'reset-failed') return exited('', told.exit ?? 1, `Failed to reset failed state of unit ${name}.\n`)
  return exited('', 1, `Job for ${name} failed because the control process exited with error code.\n`)
}

/** A program: a step where it runs under a lock, else a question of a guard or a probe. */
export async function takeProgram(
  argv: readonly string[],
  options: RunOptions,
  target: string | null,
  stepping: Stepping,
): Promise<RunResult> {
  const { clock, model } = stepping
  if (target === null) return answerProgram(argv, options, model)
  const told = stepping.told(target, 'program')
  const unbegun = notRun(told, false)
  if (unbegun) return after(told, stepping, unbegun)
  const takes = told?.takes ?? 0
  if (takes > 0) await clock.sleep(Math.min(takes, options.limitMs))
  const unit = argv.find((word) => word.startsWith('--unit='))?.slice('--unit='.length)
  if (told?.outcome === 'unknown') return after(told, stepping, lost(told.output))
  const output = told?.output === undefined ? '' : `${told.output.trimEnd()}\n`
  const late = takes > options.limitMs
  const exit = told?.outcome === 'failed' ? (told.exit ?? 1) : 0
  if (unit !== undefined && (late || exit !== 0)) stepping.transients.set(unit, failedProgram(late, exit))
  if (late) return after(told, stepping, { ...exited(output, 124), timedOut: unit === undefined })
  return after(told, stepping, exited(output, exit))
}

/** What `systemctl show` says of the unit in which a program failed. */
function failedProgram(late: boolean, exit: number): Readonly<Record<string, string>> {
  return {
    LoadState: 'loaded',
    ActiveState: 'failed',
    SubState: 'failed',
    Result: late ? 'timeout' : 'exit-code',
    ExecMainCode: late ? '2' : '1',
    ExecMainStatus: late ? '15' : String(exit),
    ExecMainStartTimestampMonotonic: '0',
    ExecMainExitTimestampMonotonic: '1',
  }
}

function answerProgram(argv: readonly string[], { limitMs }: RunOptions, { programs }: Model): RunResult {
  const said = programs[argv.join(' ')] ?? programs[argv[0] ?? '']
  if (said?.hangs === true) return { ...exited('', 124), timedOut: limitMs > 0 }
  return exited(said?.output ?? '', said?.exit ?? 0)
}

/** Of a step that was not run at all. Null: it is. */
export function notRun(told: StepFacts | undefined, sudo: boolean): RunResult | null {
  switch (told?.outcome) {
    case 'unreachable':
      return missed('unreachable', `${told.on}: connect ECONNREFUSED`)
    case 'busy':
      return { ...exited('', 75), busy: true }
    case 'permission':
      return sudo
        ? exited('', 1, 'sudo: a password is required\n')
        : missed('authentication', 'the account is not let in: All configured authentication methods failed')
    default:
      return null
  }
}

function lost(output = ''): RunResult {
  const reason = 'the connection was lost while the command ran: read ECONNRESET'
  return { kind: 'lost', reason, stdout: output, stderr: '' }
}

function after(told: StepFacts | undefined, { change }: Stepping, result: RunResult): RunResult {
  change(told?.then)
  return result
}
