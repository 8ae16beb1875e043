import type { Clock } from '../clock.ts'
import type { Host } from '../hosts/host.ts'
import { LOOK_LIMIT_MS } from '../probes/unit-state.ts'

/** One piece of evidence: what was read, or why it could not be. */
export type Part = { readonly name: string } & ({ readonly text: string } | { readonly problem: string })

export interface Bounds {
  /** Until when, on the monotonic clock. */
  readonly until: number
  readonly signal: AbortSignal
  readonly clock: Clock
}

/** Runs one command that only reads. Whatever happens to it is an answer. */
export async function readPart(
  name: string,
  host: Host,
  argv: readonly string[],
  { until, signal, clock }: Bounds,
): Promise<Part> {
  const limitMs = Math.min(LOOK_LIMIT_MS, Math.round(until - clock.monotonic()))
  if (limitMs <= 0) return { name, problem: 'no time was left for it' }
  const run = await host.run(argv, { limitMs, signal })
  if (run.kind !== 'exited') return { name, problem: run.reason }
  if (run.timedOut) return { name, problem: `${argv[0]} did not end within ${limitMs} ms` }
  if (run.exitCode === 0) return { name, text: run.stdout.trimEnd() }
  const said = run.stderr.trim().split('\n').at(-1) ?? ''
  return { name, problem: said === '' ? `${argv[0]} ended with ${run.exitCode ?? run.signal}` : said }
}
