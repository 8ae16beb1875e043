import { z } from 'zod'
import type { StepResult } from '../incident/verdict.ts'
import { UNIT_KINDS } from '../inventory/inventory.ts'
import type { ActionContext } from './action.ts'
import { defineAction } from './action.ts'
import { interpolate } from './interpolate.ts'
import { unitLock } from './lock.ts'
import { outcomeOf } from './outcome.ts'
import { managerOn, runInUnit, transientUnit } from './transient-unit.ts'

const DEFAULT_LIMIT_SECONDS = 300

const params = z.strictObject({
  argv: z
    .array(z.string())
    .min(1)
    .describe(
      'The program and its arguments, no shell; a whole argument may be ${labels.x}, ${target.x} or ${incident.x}',
    ),
  where: z
    .enum(['local', 'target'])
    .optional()
    .describe("`target` (default): on the target's host; `local`: beside kafka-healing"),
  limit: z.int().min(1).max(86_400).optional().describe('Seconds until it is ended; 300 by default'),
  repeatable: z
    .boolean()
    .optional()
    .describe('Running it again after an unknown outcome does no harm; false by default'),
  disruptive: z
    .boolean()
    .optional()
    .describe('It can lower what the cluster serves; true by default, except on exporters'),
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
    .optional()
    .describe('Environment variables besides a minimal environment and KAFKA_HEALING_KEY'),
})

export const program = defineAction({
  type: 'program',
  summary: "Runs a program on the target's host or beside kafka-healing.",
  params,
  targets: UNIT_KINDS,
  traits: ({ limit, repeatable, disruptive }, kind) => ({
    disruptive: disruptive ?? kind !== 'exporter',
    repeatable: repeatable ?? false,
    stops: false,
    starts: false,
    changes: true,
    limitSeconds: limit ?? DEFAULT_LIMIT_SECONDS,
  }),
  argv: ({ argv, where }, { values }) => ({ ...interpolate(argv, values), local: where === 'local' }),
  run: runProgram,
})

/**
 * On a host with systemd the program runs in a unit named after the step's key: it ends with all its children, and systemd
 * refuses to begin the same step twice. Elsewhere it runs under its limit and the target's lock alone.
 */
async function runProgram(wanted: z.infer<typeof params>, context: ActionContext): Promise<StepResult> {
  const { target, host, local, key, clock, signal } = context
  const words = interpolate(wanted.argv, context.values)
  if ('problem' in words) {
    return { outcome: 'failed', reason: `nothing was run: ${words.problem}`, exitCode: null, output: '' }
  }
  const { argv } = words
  const beganAt = clock.monotonic()
  const what = argv[0] ?? ''
  const env = { ...wanted.env, KAFKA_HEALING_KEY: key }
  const run = { argv, env, limitMs: context.limitSeconds * 1000, lock: unitLock(target), signal }

  if (wanted.where === 'local') {
    // Targets on different hosts have units of the same name.
    return outcomeOf(await local.run(argv, { ...run, lock: `target ${target.key}` }), what)
  }
  if (target.connection.driver === 'ssh') {
    const found = await managerOn(host, target.unit.manager, signal)
    if ('notSent' in found) return found.notSent
    // Asking took part of the time after which the step must be over (S-4.4).
    const limitMs = Math.max(1_000, run.limitMs - Math.round(clock.monotonic() - beganAt))
    if (found.manager !== null) return runInUnit(host, transientUnit(key, found.manager), { ...run, limitMs }, what)
    return outcomeOf(await host.run(argv, { ...run, limitMs }), what)
  }
  return outcomeOf(await host.run(argv, run), what)
}
