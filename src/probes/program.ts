import { z } from 'zod'
import { interpolate, targetValues } from '../actions/interpolate.ts'
import type { RunResult } from '../hosts/host.ts'
import type { ProbeResult, ProbeVerdict } from '../incident/verdict.ts'
import { TARGET_KINDS } from '../inventory/inventory.ts'
import { defineProbe } from './probe.ts'

const DEFAULT_LIMIT_SECONDS = 20
const SHOWN_CHARACTERS = 2_000

const VERDICTS: readonly (readonly [ProbeVerdict, string])[] = [
  ['healed', 'the program says healed'],
  ['broken', 'the program says broken'],
  ['progressing', 'the program says progressing'],
]

/** Nagios plugins are not fit for it as they are: their 2 means critical. */
export const programProbe = defineProbe({
  type: 'program',
  summary: 'Asks a read-only program: exit code 0 is healed, 1 broken, 2 progressing, everything else unknown.',
  params: z.strictObject({
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
  }),
  targets: TARGET_KINDS,
  async look({ argv, where, limit }, { target, host, local, clock, signal }): Promise<ProbeResult> {
    const words = interpolate(argv, { labels: {}, target: targetValues(target), incident: {} })
    if ('problem' in words) return unknown(words.problem)
    const on = where === 'local' ? local : host
    const run = await on.run(words.argv, { limitMs: (limit ?? DEFAULT_LIMIT_SECONDS) * 1000, signal })
    const [verdict, reason] = judge(run)
    if (run.kind !== 'exited') return unknown(reason)
    const said = run.stdout.trim() === '' ? run.stderr : run.stdout
    const output = said.trim().slice(0, SHOWN_CHARACTERS)
    const source = `${words.argv[0]} on ${on.name}`
    const evidence = [
      { name: 'exitCode', value: run.exitCode, source, at: clock.now() },
      { name: 'output', value: output, source, at: clock.now() },
    ]
    // What it prints tells whether it moved on, e.g. the number of what is still missing.
    return { probe: 'program', verdict, reason, evidence, ...(verdict === 'progressing' && { mark: output }) }
  },
})

function judge(run: RunResult): readonly [ProbeVerdict, string] {
  if (run.kind !== 'exited') return ['unknown', run.reason]
  if (run.timedOut) return ['unknown', 'the program was ended by its time limit']
  return VERDICTS[run.exitCode ?? -1] ?? ['unknown', `the program ended with ${run.exitCode ?? run.signal}`]
}

const unknown = (reason: string): ProbeResult => ({ probe: 'program', verdict: 'unknown', reason, evidence: [] })
