import { z } from 'zod'
import { interpolate, targetValues } from '../actions/interpolate.ts'
import type { RunResult } from '../hosts/host.ts'
import type { Evidence, ProbeResult, ProbeVerdict } from '../incident/verdict.ts'
import { TARGET_KINDS } from '../inventory/inventory.ts'
import { defineProbe, type LookContext } from './probe.ts'

const DEFAULT_LIMIT_SECONDS = 20
const SHOWN_CHARACTERS = 2_000

const VERDICTS: readonly (readonly [ProbeVerdict, string])[] = [
  ['healed', 'the program says healed'],
  ['broken', 'the program says broken'],
  ['progressing', 'the program says progressing'],
]

export const programParams = {
  argv: z
    .array(z.string())
    .min(1)
    .describe('The program and its arguments; ${target.x} as a whole argument is replaced'),
  where: z
    .enum(['local', 'target'])
    .optional()
    .describe("`target` (default): on the target's host; `local`: beside kafka-healing"),
  limit: z
    .int()
    .min(1)
    .max(25)
    .optional()
    .describe('Seconds until it is ended and the answer is unknown; 20 by default'),
}

/** Nagios plugins are not fit for it as they are: their 2 means critical. */
export const programProbe = defineProbe({
  type: 'program',
  summary: 'Asks a read-only program: exit code 0 is healed, 1 broken, 2 progressing, everything else unknown.',
  params: z.strictObject(programParams),
  targets: TARGET_KINDS,
  async look(wanted, context): Promise<ProbeResult> {
    const asked = await askProgram(wanted, context)
    if ('problem' in asked) return { probe: 'program', verdict: 'unknown', reason: asked.problem, evidence: [] }
    const { run, output, evidence } = asked
    const [verdict, reason] = judge(run)
    // What it prints tells whether it moved on, e.g. the number of what is still missing.
    return { probe: 'program', verdict, reason, evidence, ...(verdict === 'progressing' && { mark: output }) }
  },
})

export interface ProgramAnswer {
  readonly run: Extract<RunResult, { kind: 'exited' }>
  readonly output: string
  readonly evidence: readonly Evidence[]
}

/** Runs a read-only program, with values of the target as whole arguments. */
export async function askProgram(
  { argv, where, limit }: z.infer<z.ZodObject<typeof programParams>>,
  { target, host, local, clock, signal }: LookContext,
): Promise<ProgramAnswer | { readonly problem: string }> {
  const words = interpolate(argv, { labels: {}, target: targetValues(target), incident: {} })
  if ('problem' in words) return words
  const on = where === 'local' ? local : host
  const run = await on.run(words.argv, { limitMs: (limit ?? DEFAULT_LIMIT_SECONDS) * 1000, signal })
  if (run.kind !== 'exited') return { problem: run.reason }
  const said = run.stdout.trim() === '' ? run.stderr : run.stdout
  const output = said.trim().slice(0, SHOWN_CHARACTERS)
  const source = `${words.argv[0]} on ${on.name}`
  const evidence = [
    { name: 'exitCode', value: run.exitCode, wanted: 0, source, at: clock.now() },
    { name: 'output', value: output, source, at: clock.now() },
  ]
  return { run, output, evidence }
}

function judge(run: ProgramAnswer['run']): readonly [ProbeVerdict, string] {
  if (run.timedOut) return ['unknown', 'the program was ended by its time limit']
  return VERDICTS[run.exitCode ?? -1] ?? ['unknown', `the program ended with ${run.exitCode ?? run.signal}`]
}
