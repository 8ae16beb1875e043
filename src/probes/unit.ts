import { z } from 'zod'
import type { UnitSeen } from '../incident/unit.ts'
import type { Evidence, ProbeResult, ProbeVerdict } from '../incident/verdict.ts'
import { UNIT_KINDS } from '../inventory/inventory.ts'
import { defineProbe } from './probe.ts'
import type { CrashState } from './unit-state.ts'
import { crashState, readBootTime, unitOfLook } from './unit-state.ts'

export const unit = defineProbe({
  type: 'unit',
  summary: "The target's systemd unit runs. That proves a process, not a service.",
  params: z.strictObject({}),
  targets: UNIT_KINDS,
  async look(_params, context): Promise<ProbeResult> {
    const { host, memory, signal } = context
    const seen = await unitOfLook(context)
    if ('problem' in seen) {
      return { probe: 'unit', verdict: 'unknown', reason: `the unit cannot be read: ${seen.problem}`, evidence: [] }
    }
    const bootedAt = seen.activeState === 'inactive' ? await readBootTime(host, signal) : null
    const state = crashState(seen, { bootedAt, servingAt: memory.servingAt })
    return { probe: 'unit', ...judgeUnit(seen, state), evidence: evidenceOf(seen, state, host.name) }
  },
})

const VERDICTS: Readonly<Record<CrashState, ProbeVerdict>> = {
  running: 'healed',
  starting: 'progressing',
  stopping: 'progressing',
  autoRestart: 'progressing',
  crashed: 'broken',
  neverStarted: 'broken',
  stoppedOnPurpose: 'broken',
  missing: 'broken',
}

const WORDS: Readonly<Record<CrashState, string>> = {
  running: 'runs',
  starting: 'is starting',
  stopping: 'is stopping',
  autoRestart: 'died and is being started again by systemd',
  crashed: 'crashed',
  neverStarted: 'was not started since the host booted',
  stoppedOnPurpose: 'is down, and nothing proves a crash',
  missing: 'does not exist there, or cannot be loaded',
}

/** A unit with a job in the queue is on its way, whatever it shows. */
export function judgeUnit(
  seen: UnitSeen,
  state: CrashState,
): Pick<ProbeResult, 'verdict' | 'reason' | 'mark' | 'starting'> {
  const shown = `${seen.activeState} (${seen.subState}), Result=${seen.result}, status ${seen.execMainStatus}`
  const verdict = seen.queuedJob === null ? VERDICTS[state] : 'progressing'
  const reason = `the unit ${WORDS[state]}: ${shown}${seen.queuedJob === null ? '' : ', a job is queued'}`
  if (verdict !== 'progressing') return { verdict, reason }
  // A unit in a restart loop changes all the time and gets nowhere: nothing it shows is counted as a step forward.
  return { verdict, reason, mark: 'not up yet', starting: state === 'starting' }
}

function evidenceOf(seen: UnitSeen, state: CrashState, source: string): readonly Evidence[] {
  const values: Readonly<Record<string, Evidence['value']>> = {
    unit: state,
    state: `${seen.activeState} (${seen.subState})`,
    result: seen.result,
    exitStatus: seen.execMainStatus,
    unitFile: seen.unitFileState,
    invocation: seen.invocationId === '' ? null : seen.invocationId,
    restarts: seen.nRestarts,
    queuedJob: seen.queuedJob,
  }
  return Object.entries(values).map(([name, value]) => ({
    name,
    value,
    ...(name === 'unit' && { wanted: 'running' }),
    source: `systemd on ${source}`,
    at: seen.at,
  }))
}
