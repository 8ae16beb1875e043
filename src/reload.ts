import type { Logger } from 'pino'
import type { Clock } from './clock.ts'
import { inTurn } from './engine/in-turn.ts'
import { LATE, within } from './hosts/waiting.ts'
import type { ReloadResult } from './http/deps.ts'
import type { InForce, Reloaded } from './in-force.ts'
import type { FilesSeen } from './rules/files.ts'

/** How long git may take to change files before they are read all the same, in milliseconds. */
const GIT_MS = 10_000
const GIT_ASK_MS = 50
/** A reload is answered after so long although open incidents are not held to it yet: the store may be away. Milliseconds. */
const ANSWER_MS = 5_000

export interface ReloadDeps {
  readonly inForce: Pick<InForce, 'reload'>
  readonly look: () => Promise<FilesSeen>
  readonly clock: Clock
  readonly log: Logger
  /** Once it aborts nothing is taken into force any more. */
  readonly signal: AbortSignal
  /** Called as soon as files are in force, or refused. */
  readonly onReloaded: (result: Reloaded) => void
  /** Holds open incidents to what is in force. Never rejects. */
  readonly apply: () => Promise<boolean>
}

export interface Reload {
  /** One after another; who asks while one goes on shares the next. */
  reload(): Promise<ReloadResult>
  /** {@link FilesSeen.fingerprint} of the files that were read last, whether they are in force or refused. */
  lastRead(): string
}

/** `loaded`: the fingerprint of what was loaded at the start, taken before. */
export function openReload(deps: ReloadDeps, loaded: string): Reload {
  const { inForce, clock, log, signal, onReloaded, apply } = deps
  let lastRead = loaded

  const reload = inTurn(async (): Promise<ReloadResult> => {
    const seen = await settled(deps)
    if (signal.aborted) return { ok: false, problems: ['kafka-healing is shutting down'] }
    if (seen.busy) log.warn('git has not ended; the files are read as they are')
    // Taken before the files are read: what changes in between is another fingerprint, and read again by the watch.
    lastRead = seen.fingerprint
    const result = await inForce.reload()
    onReloaded(result)
    if (!result.ok) return result
    const applied = await within(clock, ANSWER_MS, apply())
    return { ...result, applied: applied !== LATE && applied }
  })
  return { reload, lastRead: () => lastRead }
}

/** The files once git has let go of them, or after {@link GIT_MS}. */
async function settled({ look, clock, signal }: ReloadDeps): Promise<FilesSeen> {
  const until = clock.monotonic() + GIT_MS
  let seen = await look()
  while (seen.busy && clock.monotonic() < until && !signal.aborted) {
    await clock.sleep(GIT_ASK_MS, signal)
    seen = await look()
  }
  return seen
}
