import { z } from 'zod'
import { type Instant, iso } from '../clock.ts'
import type { Evidence, GuardResult } from '../incident/verdict.ts'
import { UNIT_KINDS } from '../inventory/inventory.ts'
import type { Memory } from '../probes/probe.ts'
import { readBootEnd, timesOfLook, type UnitProblem, type UnitTimes } from '../probes/unit-state.ts'
import { defineWorldGuard, type Intent } from './guard.ts'
import { escalationOf } from './host-problem.ts'
import { readWitness, type Witness } from './witness.ts'

/** S-5.12. */
const LOOK_BACK_MINUTES = 30
/** What starts services once a boot is over (cloud-init, configuration management) is part of the boot. */
const BOOT_GRACE_MS = 2 * 60_000

export interface HumanFacts {
  readonly unitName: string
  readonly witness: Witness
  readonly times: UnitTimes | UnitProblem
  /** When the boot was over, null while it lasts; read only where the unit was started in the time in question. */
  readonly bootedAt: Instant | null | UnitProblem
  readonly memory: Pick<Memory, 'ourInvocations'>
}

/** S-5.12: somebody was at it shortly before the alert, so they are asked first. */
export const humanFirst = defineWorldGuard({
  kind: 'world',
  type: 'human-first',
  summary: 'Nobody else started, stopped or restarted the unit shortly before the alert.',
  params: z.strictObject({
    look_back_minutes: z
      .int()
      .min(0)
      .max(1_440)
      .optional()
      .describe('How long before the alert began; 30 by default, 0 for what came after it only'),
  }),
  targets: UNIT_KINDS,
  always: true,
  async facts(wanted, intent, context): Promise<HumanFacts> {
    const { host, target, memory, signal, clock } = context
    const [witness, times] = await Promise.all([readWitness(context), timesOfLook(context)])
    const lately =
      !('problem' in times) && times.beganAt !== null && times.beganAt >= since(wanted, intent, clock.now())
    const bootedAt = lately ? await readBootEnd(host, target.unit, signal) : null
    return { unitName: target.unit.name, witness, times, bootedAt, memory }
  },
  decide(facts, wanted, intent, now): GuardResult {
    const { witness, times, bootedAt, unitName } = facts
    const from = since(wanted, intent, now)
    const say = (verdict: GuardResult['verdict'], reason: string, more: Partial<GuardResult> = {}): GuardResult => ({
      guard: 'human-first',
      verdict,
      reason,
      evidence: evidenceOf(facts, wanted, now),
      ...more,
    })
    if (witness.kind === 'unreadable') {
      const { cause, reason } = witness.problem
      return say('unknown', `the unit cannot be read: ${reason}`, escalationOf(cause))
    }
    const unread = ({ problem, cause }: UnitProblem) =>
      say('unknown', `the unit cannot be read: ${problem}`, escalationOf(cause))
    if ('problem' in times) return unread(times)
    if (bootedAt !== null && typeof bootedAt !== 'number') return unread(bootedAt)
    if (intent.byPerson) return say('pass', 'a person asked for it')
    const ask = (what: string, at: Instant) =>
      say('hold', `somebody ${what} ${unitName} at ${iso(at)}`, { quiet: false, approvable: true })
    if (stoppedBySomebody(facts, intent) && times.endedAt !== null && times.endedAt >= from)
      return ask('stopped', times.endedAt)
    if (startedBySomebody(facts, intent) && times.beganAt !== null && times.beganAt >= from) {
      const booting = bootedAt === null || times.beganAt <= bootedAt + BOOT_GRACE_MS
      if (!booting) return ask('started', times.beganAt)
      return say('pass', 'it was started as the host booted')
    }
    return say('pass', `nobody else was at ${unitName} since ${iso(from)}`)
  },
})

interface Wanted {
  readonly look_back_minutes?: number | undefined
}

/** From when on it matters: some time before the oldest of the alerts that fire, or before now where none does. */
function since(wanted: Wanted, { alerts }: Intent, now: Instant): Instant {
  const oldest = alerts.reduce((at, { startsAt }) => Math.min(at, startsAt), now)
  return oldest - minutesBack(wanted) * 60_000
}

function minutesBack({ look_back_minutes: minutes }: Wanted): number {
  return minutes ?? LOOK_BACK_MINUTES
}

/** systemd sets its count of restarts back to 0 when somebody starts the unit, and when our `reset-failed` does. */
function startedBySomebody({ witness, memory }: HumanFacts, intent: Intent): boolean {
  if (witness.kind !== 'read') return false
  const { invocationId, nRestarts } = witness.unit
  const { firstSeenUnit: first } = intent
  if (invocationId === '' || nRestarts > 0) return false
  if (first?.invocationId === invocationId && first.nRestarts > 0) return false
  return !memory.ourInvocations.includes(invocationId) && !intent.ourInvocations.includes(invocationId)
}

/**
 * After a change of ours a stop may be our own step's; what people stop then is the symptom's matter (S-2.5), and so is a
 * unit that systemd unloaded when it stopped, of which no time is left.
 */
function stoppedBySomebody({ witness }: HumanFacts, { changedByUs }: Intent): boolean {
  return witness.kind === 'read' && witness.state === 'stoppedOnPurpose' && !changedByUs
}

function evidenceOf({ witness, times, bootedAt, memory }: HumanFacts, asked: Wanted, at: Instant): readonly Evidence[] {
  const { source } = witness
  if (witness.kind === 'unreadable' || 'problem' in times) return [{ name: 'unit', value: null, source, at }]
  // The span, not its beginning: that moves with the time where nothing fires, and the same answer must look the same.
  const wanted = `by nobody else from ${minutesBack(asked)} min before the alert on`
  const when = (instant: Instant | null) => (instant === null ? null : iso(instant))
  return [
    { name: 'last start', value: when(times.beganAt), wanted, source, at },
    { name: 'last end', value: when(times.endedAt), wanted, source, at },
    { name: 'boot finished', value: typeof bootedAt === 'number' ? iso(bootedAt) : null, source, at },
    { name: 'invocation', value: witness.unit.invocationId, source, at: witness.unit.at },
    { name: "systemd's own restarts", value: witness.unit.nRestarts, source, at: witness.unit.at },
    { name: 'our starts', value: memory.ourInvocations.slice(0, 3).join(', '), source: 'store', at },
  ]
}
