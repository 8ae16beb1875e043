import type { RunResult } from '../hosts/host.ts'

type Exited = Extract<RunResult, { kind: 'exited' }>

export function exited(stdout: string, exitCode = 0, stderr = ''): Exited {
  return { kind: 'exited', exitCode, signal: null, timedOut: false, stdout, stderr }
}

export function missed(cause: Extract<RunResult, { kind: 'notSent' }>['cause'], reason: string): RunResult {
  return { kind: 'notSent', cause, reason }
}
