import { z } from 'zod'
import type { RunResult } from '../hosts/host.ts'
import type { StepResult } from '../incident/verdict.ts'
import { UNIT_KINDS, type Unit } from '../inventory/inventory.ts'
import { spanMs } from '../probes/systemd-span.ts'
import { unitLog } from '../probes/unit-log.ts'
import type { UnitProblem } from '../probes/unit-state.ts'
import { showUnit, systemctl } from '../probes/unit-state.ts'
import type { ActionContext } from './action.ts'
import { defineAction } from './action.ts'
import { unitLock } from './lock.ts'
import { isSudoRefusal, notSent, outputOf, unreadableUnit } from './outcome.ts'

const DEFAULT_LIMIT_SECONDS = 60
/** What `infinity` counts as (S-4.6), in milliseconds. */
const INFINITY_MS = 900_000
/** A process that dies of a bad flag does so within this, after systemd has reported its start as done. Milliseconds. */
const SETTLE_MS = 500
const POLL_MS = 100
const LOG_LINES = 40

const params = z.strictObject({
  verb: z.enum(['start', 'restart', 'reset-failed']).describe("What systemd is asked to do with the target's unit"),
  limit: z
    .int()
    .min(1)
    .max(7200)
    .optional()
    .describe("Seconds until the step is given up; 60 by default, and never less than the unit's own time-outs"),
})

export const systemd = defineAction({
  type: 'systemd',
  summary: "Starts or restarts the target's unit, or clears its failed state.",
  params,
  targets: UNIT_KINDS,
  traits({ verb, limit }, kind) {
    const harmless = verb !== 'restart' || kind === 'exporter'
    return {
      disruptive: !harmless,
      // A second restart of a process that is just coming back would throw it out again; exporters lose nothing.
      repeatable: harmless,
      // A restart starts what it stopped by itself.
      stops: false,
      starts: verb !== 'reset-failed',
      changes: true,
      limitSeconds: limit ?? DEFAULT_LIMIT_SECONDS,
    }
  },
  argv: ({ verb }, { target }) => ({ argv: argvOf(verb, target.unit) }),
  run: ({ verb }, context) => runVerb(verb, context),
})

type Verb = z.infer<typeof params>['verb']

/** What sudoers must name word for word. */
const argvOf = (verb: Verb, unit: Unit): readonly string[] => [...systemctl(unit), verb, unit.name]

async function runVerb(verb: Verb, context: ActionContext): Promise<StepResult> {
  const { host, target, clock, signal } = context
  const beganAt = Math.round(clock.monotonic())
  const before = await look(context)
  if ('problem' in before) return unreadableUnit(before)
  if (before.LoadState === 'masked') return failed(`${target.unit.name} is masked`)
  if (before.LoadState !== 'loaded' && verb !== 'reset-failed') {
    return failed(`${target.unit.name} cannot be loaded: ${before.LoadState}`)
  }

  // The look took part of the time after which the step must be over (S-4.4).
  const now = Math.round(clock.monotonic())
  const limitMs = limitOf(verb, before, Math.max(1_000, context.limitSeconds * 1000 - (now - beganAt)))
  const until = now + limitMs
  const run = await host.run(argvOf(verb, target.unit), { limitMs, signal, lock: unitLock(target) })
  if (run.kind === 'notSent') return notSent(run)
  if (run.kind === 'lost') return { outcome: 'unknown', reason: run.reason, exitCode: null, output: outputOf(run) }
  const refused = refusal(run, verb)
  if (refused !== null) return refused

  const after = await settled(context, until, verb)
  const judged = judge(verb, run, after, limitMs)
  const remarks = [
    ...(verb === 'start' && before.ActiveState === 'active' ? ['it was active before'] : []),
    ...(limitMs > context.limitSeconds * 1000
      ? [`limit ${Math.round(limitMs / 1000)} s, by the unit's own time-outs`]
      : []),
  ]
  const log = judged.outcome === 'succeeded' ? '' : await unitLog(host, target.unit, LOG_LINES, signal)
  return {
    ...judged,
    reason: [judged.reason, ...remarks].join('; '),
    exitCode: run.exitCode,
    output: [outputOf(run), log.trimEnd()].filter((t) => t !== '').join('\n'),
  }
}

const PROPERTIES = [
  'LoadState',
  'ActiveState',
  'SubState',
  'Type',
  'Result',
  'ExecMainCode',
  'ExecMainStatus',
  'Job',
  'TimeoutStartUSec',
  'TimeoutStopUSec',
] as const
type Shown = Readonly<Record<(typeof PROPERTIES)[number], string>>

const look = ({ host, target, signal }: ActionContext) => showUnit(host, target.unit, PROPERTIES, signal)

/** S-4.6: the runbook's limit, or what the unit itself allows, whichever is longer. */
function limitOf(verb: Verb, unit: Shown, wantedMs: number): number {
  const start = spanMs(unit.TimeoutStartUSec, INFINITY_MS) ?? 0
  const stop = spanMs(unit.TimeoutStopUSec, INFINITY_MS) ?? 0
  if (verb === 'reset-failed') return wantedMs
  const stopsFirst = verb === 'restart' || unit.ActiveState === 'deactivating'
  return Math.max(wantedMs, start + (stopsFirst ? stop : 0))
}

/** Looks until no job is queued and the unit is in no passing state, and for a moment longer after a start (S-4.6). */
async function settled(context: ActionContext, until: number, verb: Verb): Promise<Shown | UnitProblem> {
  const { clock } = context
  const notBefore = verb === 'reset-failed' ? 0 : clock.monotonic() + SETTLE_MS
  for (;;) {
    const shown = await look(context)
    if ('problem' in shown) {
      // A look changes nothing, so a lost one is simply taken again.
      if (clock.monotonic() > until || context.signal.aborted) return shown
    } else {
      if (isDown(shown) && !isPending(shown)) return shown
      const over = !isPending(shown) && clock.monotonic() >= notBefore
      if (over || clock.monotonic() > Math.max(until, notBefore) || context.signal.aborted) return shown
    }
    await clock.sleep(POLL_MS, context.signal)
  }
}

const hasJob = ({ Job }: Shown) => Job !== '' && Job !== '0'
const isDown = ({ ActiveState }: Shown) => ActiveState === 'failed' || ActiveState === 'inactive'
const isAutoRestart = ({ SubState }: Shown) => SubState.startsWith('auto-restart')
const isPending = (shown: Shown) =>
  hasJob(shown) || shown.ActiveState === 'deactivating' || (shown.ActiveState === 'activating' && !isAutoRestart(shown))

type Judged = Pick<StepResult, 'outcome' | 'reason'>

function judge(
  verb: Verb,
  run: Extract<RunResult, { kind: 'exited' }>,
  after: Shown | UnitProblem,
  limitMs: number,
): Judged {
  if ('problem' in after) return { outcome: 'unknown', reason: `it cannot be seen what came of it: ${after.problem}` }
  const state = `${after.ActiveState} (${after.SubState}), Result=${after.Result}, status ${after.ExecMainStatus}`
  if (isPending(after)) {
    const job = hasJob(after) ? 'a job is still queued' : 'it is neither up nor down'
    return { outcome: 'unknown', reason: `after ${Math.round(limitMs / 1000)} s ${job}: ${state}` }
  }
  if (verb === 'reset-failed') {
    return after.ActiveState === 'failed'
      ? { outcome: 'failed', reason: `the unit is still failed: ${state}` }
      : { outcome: 'succeeded', reason: `the unit is not failed any more: ${state}` }
  }
  if (isAutoRestart(after)) return { outcome: 'failed', reason: `it died, and systemd will start it again: ${state}` }
  if (run.exitCode !== 0)
    return { outcome: 'failed', reason: `systemctl ended with ${run.exitCode ?? run.signal}; the unit is ${state}` }
  if (!isDown(after)) return { outcome: 'succeeded', reason: `the unit is ${state}` }
  if (after.Type === 'oneshot' && after.ActiveState === 'inactive' && after.Result === 'success') {
    return { outcome: 'succeeded', reason: `the unit ran once: ${state}` }
  }
  return { outcome: 'failed', reason: `it ended right after its start: ${state}` }
}

/** What systemctl or sudo said before anything was done, as far as that can be told. */
function refusal(run: Extract<RunResult, { kind: 'exited' }>, verb: Verb): StepResult | null {
  const result = { outcome: 'failed', exitCode: run.exitCode, output: outputOf(run) } as const
  if (run.busy === true) return { ...result, notRun: 'busy', reason: 'not begun: another run holds the unit' }
  if (isSudoRefusal(run) || run.exitCode === 4 || /access denied|authentication (is )?required/i.test(run.stderr)) {
    return { ...result, notRun: 'permission', reason: `${verb} is not allowed to this account` }
  }
  if (/failed to connect to (system )?bus/i.test(run.stderr)) {
    return { ...result, notRun: 'permission', reason: "the unit's manager cannot be reached by this account" }
  }
  return null
}

const failed = (reason: string): StepResult => ({ outcome: 'failed', reason, exitCode: null, output: '' })
