import { z } from 'zod'
import type { Instant } from '../clock.ts'
import type { Host, RunResult } from '../hosts/host.ts'
import type { ProbeResult } from '../incident/verdict.ts'
import type { HostPort } from '../inventory/inventory.ts'
import { defineProbe } from './probe.ts'

/** How an exporter answered a scrape that was made on its own host. */
export type Scrape =
  | { readonly kind: 'answered'; readonly status: number }
  /** Refused, closed, mute until the limit, or something that is not HTTP: no scrape can succeed. */
  | { readonly kind: 'unanswered'; readonly why: string }
  /** The question could not be put. `cause` is that of a command that was not sent. */
  | {
      readonly kind: 'unknown'
      readonly why: string
      readonly cause: 'unreachable' | 'authentication' | 'hostKey' | 'invalid' | 'lost' | 'tool'
    }

/**
 * Longer than Prometheus waits by default (10 s), shorter than a whole look may take (20 s). With a hung broker in its
 * cluster kafka_exporter takes up to 30 s, and then cannot be scraped by anybody.
 */
export const SCRAPE_LIMIT_MS = 15_000

/**
 * A GET by bash's own TCP: curl and wget are missing on many hosts, bash is on every one that has systemd. The script is
 * a constant; address and path reach it as arguments, never as text of its own. Exit 7: could not connect. 8: no answer.
 */
const SCRIPT = `exec 3<>"/dev/tcp/$1/$2" || exit 7
printf 'GET %s HTTP/1.0\\r\\nHost: %s:%s\\r\\nConnection: close\\r\\n\\r\\n' "$3" "$1" "$2" >&3
IFS= read -r line <&3 || exit 8
printf '%s\\n' "$line"`

export async function scrape(
  host: Host,
  address: HostPort,
  path: string,
  limitMs: number,
  signal?: AbortSignal,
): Promise<Scrape> {
  const argv = ['bash', '-c', SCRIPT, 'scrape', address.host, String(address.port), path]
  return readScrape(await host.run(argv, { limitMs, ...(signal ? { signal } : {}) }), limitMs)
}

export function readScrape(result: RunResult, limitMs: number): Scrape {
  if (result.kind === 'notSent') return { kind: 'unknown', why: result.reason, cause: result.cause }
  if (result.kind === 'lost') return { kind: 'unknown', why: result.reason, cause: 'lost' }
  if (result.timedOut) return { kind: 'unanswered', why: `no answer in ${limitMs} ms` }
  const said = lastLine(result.stderr)
  if (result.exitCode === 7) return { kind: 'unanswered', why: said || 'could not connect' }
  if (result.exitCode === 8) return { kind: 'unanswered', why: 'closed without an answer' }
  if (result.exitCode !== 0) return { kind: 'unknown', why: said || `exit code ${result.exitCode}`, cause: 'tool' }
  const status = /^HTTP\/1\.[01] (\d{3})\b/.exec(result.stdout)?.[1]
  return status ? { kind: 'answered', status: Number(status) } : { kind: 'unanswered', why: 'the answer is not HTTP' }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? ''
}

const params = z.strictObject({
  path: z
    .string()
    .regex(/^\/[\w./~%?=&-]*$/)
    .default('/metrics')
    .describe('What is fetched'),
  limit_seconds: z
    .int()
    .min(1)
    .max(18)
    .default(SCRAPE_LIMIT_MS / 1000)
    .describe('How long the answer may take'),
})

export const httpScrape = defineProbe({
  type: 'http-scrape',
  summary: 'Scrapes an exporter from its own host, as Prometheus would.',
  params,
  targets: ['exporter'],
  async look(wanted, { target, host, clock, signal }) {
    const { address } = target
    if (!address)
      return judge(
        { kind: 'unknown', why: 'the inventory names no scrape address', cause: 'invalid' },
        host,
        clock.now(),
      )
    return judge(await scrape(host, address, wanted.path, wanted.limit_seconds * 1000, signal), host, clock.now())
  },
})

export function judge(seen: Scrape, host: Pick<Host, 'name'>, at: Instant): ProbeResult {
  const result = (verdict: ProbeResult['verdict'], reason: string, value: string | number): ProbeResult => ({
    probe: httpScrape.type,
    verdict,
    reason,
    evidence: [{ name: 'scrape', value, wanted: 200, source: host.name, at }],
  })
  if (seen.kind === 'unknown') return result('unknown', seen.why, seen.cause)
  if (seen.kind === 'unanswered') return result('broken', `the exporter does not answer: ${seen.why}`, seen.why)
  if (seen.status === 200) return result('healed', 'the exporter answers', seen.status)
  return result('broken', `the exporter answers with status ${seen.status}`, seen.status)
}
