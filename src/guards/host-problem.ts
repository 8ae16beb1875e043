import type { RunResult } from '../hosts/host.ts'
import type { GuardResult } from '../incident/verdict.ts'

/** A question that could not be put to a host. */
export interface HostProblem {
  readonly cause: 'unreachable' | 'authentication' | 'hostKey' | 'invalid' | 'lost' | 'tool'
  readonly reason: string
}

export function hostProblem(result: Exclude<RunResult, { kind: 'exited' }>): HostProblem {
  return { cause: result.kind === 'lost' ? 'lost' : result.cause, reason: result.reason }
}

/**
 * S-4.7: permission, authentication and host key are a person's matter at once; a host that cannot be reached becomes one
 * after two minutes, which the incident counts.
 */
export function escalationOf(cause: HostProblem['cause']): Pick<GuardResult, 'escalate'> {
  if (cause === 'authentication' || cause === 'hostKey') return { escalate: 'permission' }
  return cause === 'unreachable' || cause === 'lost' ? { escalate: 'unreachable' } : {}
}
