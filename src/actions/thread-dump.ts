import type { StepResult } from '../incident/verdict.ts'
import type { TargetKind, Unit } from '../inventory/inventory.ts'
import { journalOf, logFile } from '../probes/unit-log.ts'
import { systemctl } from '../probes/unit-state.ts'
import type { ActionContext } from './action.ts'
import { unitLock } from './lock.ts'
import { outcomeOf } from './outcome.ts'
import type { ProcessSeen } from './process-seen.ts'
import { type Part, readPart } from './read-part.ts'

/** Targets whose process is a JVM. The same signal ends a Go program, such as an exporter. */
const JVMS: ReadonlySet<TargetKind> = new Set<TargetKind>(['broker', 'controller', 'zookeeper', 'connect-worker'])

/** How long a JVM that can answer at all may take to write its dump. Milliseconds; a broker's takes some 50. */
const ANSWER_MS = 5_000
const POLL_MS = 200
/** Innermost frames kept of each thread: they say what it waits for, and those below are the same in every dump. */
const FRAMES = 8
/** The last line that HotSpot writes into a dump. */
const LAST_LINE = /^JNI global refs?:/m

/** Answers only when the JVM's own signal thread runs; changes nothing else in the process. */
export function quitArgv(unit: Unit): readonly string[] {
  // Before systemd 252 the option is `--kill-who`; later ones take that as its abbreviation.
  return [...systemctl(unit), 'kill', '--kill-who=main', '--signal=QUIT', unit.name]
}

/** `refused`: the account may not do it, or another run holds the unit; as for other actions, nothing was begun. */
export type Dump = Part | { readonly refused: StepResult }

/** Asks the JVM for a thread dump, and reads it from where the unit writes its output. At most until `until`, monotonic. */
export async function threadDump(context: ActionContext, process: ProcessSeen | null, until: number): Promise<Dump> {
  const { host, target, clock, signal } = context
  const against = whyNot(target.kind, process)
  if (against !== null) return { name: 'threads', problem: against }
  const place = await whereItWrites(context, until)
  if ('problem' in place) return { name: 'threads', ...place }
  const limitMs = Math.max(1_000, Math.round(until - clock.monotonic()))
  const sent = outcomeOf(
    await host.run(quitArgv(target.unit), { limitMs, signal, lock: unitLock(target) }),
    'systemctl kill',
  )
  if (sent.notRun === 'permission' || sent.notRun === 'busy') return { refused: sent }
  if (sent.outcome !== 'succeeded')
    return { name: 'threads', problem: `${sent.reason}${sent.output === '' ? '' : `: ${sent.output}`}` }

  const giveUpAt = Math.min(until, clock.monotonic() + ANSWER_MS)
  for (;;) {
    const log = await readPart('threads', host, place.argv, { until, signal, clock })
    if ('problem' in log) return log
    if (LAST_LINE.test(log.text)) return { name: 'threads', text: shortened(dumpIn(log.text)) }
    if (clock.monotonic() >= giveUpAt || signal.aborted) {
      return { name: 'threads', problem: `no dump came within ${ANSWER_MS / 1_000} s: the process does not answer` }
    }
    await clock.sleep(POLL_MS, signal)
  }
}

/** A process that does not handle the signal would be ended by it, and one that is stopped would get it later, at a bad time. */
function whyNot(kind: TargetKind, process: ProcessSeen | null): string | null {
  if (!JVMS.has(kind)) return `not asked for: ${kind}s are no JVMs, and the signal would end them`
  if (process === null) return 'there is no process to ask, or it cannot be read'
  if (process.name !== 'java') return `not asked for: the main process is ${process.name}, not java`
  if (!process.catchesQuit) return 'not asked for: the process does not handle the signal (-Xrs), which would end it'
  if (/^[Tt]/.test(process.state)) return `not asked for: the process is ${process.state} and cannot answer`
  return null
}

/** What prints the unit's output from now on: of its file by bytes, of the journal by the host's clock. */
async function whereItWrites(
  { host, target, clock, signal }: ActionContext,
  until: number,
): Promise<{ readonly argv: readonly string[] } | { readonly problem: string }> {
  const file = await logFile(host, target.unit, signal)
  const bounds = { until, signal, clock }
  if (file !== null) {
    const size = await readPart('size', host, ['stat', '-L', '-c', '%s', '--', file], bounds)
    if ('problem' in size) return { problem: size.problem }
    return { argv: ['tail', '-c', `+${Number(size.text) + 1}`, '--', file] }
  }
  const now = await readPart('clock', host, ['date', '+%s'], bounds)
  if ('problem' in now) return { problem: now.problem }
  return { argv: journalOf(target.unit, `--since=@${now.text.trim()}`) }
}

function dumpIn(log: string): string {
  const from = log.lastIndexOf('Full thread dump')
  const end = LAST_LINE.exec(log)
  return log.slice(Math.max(0, from), end === null ? undefined : end.index).trimEnd()
}

/** Each thread with its innermost frames, without addresses: some ninety threads of a broker then stay readable. */
export function shortened(dump: string): string {
  let frames = 0
  const kept: string[] = []
  for (const line of dump.split('\n')) {
    if (line.startsWith('"')) frames = 0
    const isFrame = line.startsWith('\tat ')
    if (isFrame) frames += 1
    if (frames > FRAMES || line.trim() === '') continue
    kept.push(line.replaceAll(/ (?:os_prio|tid|nid)=\S+|\s*\[0x[0-9a-f]+\]/g, ''))
  }
  return kept.join('\n')
}
