import type { RunResult } from '../hosts/host.ts'
import type { StepResult } from '../incident/verdict.ts'
import type { UnitProblem } from '../probes/unit-state.ts'

/**
 * How a step ended, read off the one command it consists of. A command that its limit ended has surely ended, so it failed;
 * one that nobody saw end is unknown (S-4.4); one that never began says so, and spends no attempt (S-4.5, S-4.7).
 */
export function outcomeOf(run: RunResult, what: string): StepResult {
  if (run.kind === 'notSent') return notSent(run)
  if (run.kind === 'lost') return { outcome: 'unknown', reason: run.reason, exitCode: null, output: outputOf(run) }
  const ended = { exitCode: run.exitCode, output: outputOf(run) }
  if (run.busy === true) {
    return { outcome: 'failed', notRun: 'busy', reason: `${what} was not begun: another run holds its lock`, ...ended }
  }
  if (run.timedOut) return { outcome: 'failed', reason: `${what} was ended by its time limit`, ...ended }
  if (run.exitCode === 0) return { outcome: 'succeeded', reason: `${what} ended with 0`, ...ended }
  if (isSudoRefusal(run)) return { outcome: 'failed', notRun: 'permission', reason: 'sudo refused', ...ended }
  const how = run.exitCode === null ? `was killed by ${run.signal}` : `ended with ${run.exitCode}`
  return { outcome: 'failed', reason: `${what} ${how}`, ...ended }
}

export function notSent(run: Extract<RunResult, { kind: 'notSent' }>): StepResult {
  const result: StepResult = { outcome: 'failed', reason: run.reason, exitCode: null, output: '' }
  if (run.cause === 'invalid') return result
  return { ...result, notRun: run.cause === 'unreachable' ? 'unreachable' : 'permission' }
}

/** The unit could not even be looked at, so nothing was begun. */
export function unreadableUnit({ problem, cause }: UnitProblem): StepResult {
  const reason = `nothing was done, the unit cannot be read: ${problem}`
  const result: StepResult = { outcome: 'failed', reason, exitCode: null, output: '' }
  if (cause === 'invalid') return result
  return { ...result, notRun: cause === 'unreachable' || cause === 'lost' ? 'unreachable' : 'permission' }
}

/** What the command printed, stderr last. */
export function outputOf(run: { readonly stdout: string; readonly stderr: string }): string {
  return [run.stdout, run.stderr]
    .map((text) => text.trimEnd())
    .filter((text) => text !== '')
    .join('\n')
}

/** `sudo -n` says 1 like any command; its own words tell that it began nothing. */
export function isSudoRefusal(run: { readonly exitCode: number | null; readonly stderr: string }): boolean {
  return (
    run.exitCode === 1 &&
    /^sudo: (a password is required|a terminal is required|.* not allowed)|^Sorry, user |is not in the sudoers file/m.test(
      run.stderr,
    )
  )
}
