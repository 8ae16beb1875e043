import type { Instant } from '../clock.ts'
import type { UnitSeen } from '../incident/unit.ts'
import type { LookContext } from '../probes/probe.ts'
import { type CrashState, crashState, readBootTime, unitOfLook } from '../probes/unit-state.ts'
import type { HostProblem } from './host-problem.ts'

/** What systemd says of the target's process, read over the connection that will act. */
export type Witness =
  | ReadWitness
  | { readonly kind: 'unreadable'; readonly problem: HostProblem; readonly source: string }

export interface ReadWitness {
  readonly kind: 'read'
  readonly state: CrashState
  readonly unit: UnitSeen
  /** Read only where it matters: a unit without an invocation may be one that a reboot left untouched. */
  readonly bootedAt: Instant | null
  readonly servingAt: Instant | null
  readonly source: string
}

export async function readWitness(context: LookContext): Promise<Witness> {
  const { host, memory, signal } = context
  const unit = await unitOfLook(context)
  if ('problem' in unit) {
    return { kind: 'unreadable', problem: { cause: unit.cause, reason: unit.problem }, source: host.name }
  }
  const bootedAt = unit.invocationId === '' ? await readBootTime(host, signal) : null
  const { servingAt } = memory
  const state = crashState(unit, { bootedAt, servingAt })
  return { kind: 'read', state, unit, bootedAt, servingAt, source: host.name }
}

export function describeUnit(unit: UnitSeen): string {
  const { activeState, subState, result, execMainCode, execMainStatus, unitFileState } = unit
  return `${activeState} (${subState}), Result=${result}, main process ${execMainCode}/${execMainStatus}, ${unitFileState}`
}
