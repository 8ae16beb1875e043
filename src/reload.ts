import type { Logger } from 'pino'
import type { Clock } from './clock.ts'
import { inTurn } from './engine/in-turn.ts'
import { LATE, within } from './hosts/waiting.ts'
import type { ReloadResult } from './http/deps.ts'
import type { InForce, Reloaded } from './in-force.ts'
import { keptChanging, type LoadedConfiguration, MOST_READINGS } from './rules/configuration.ts'
import type { FilesSeen } from './rules/files.ts'

/** How long git may take to change files before they are read all the same, in milliseconds. */
const GIT_MS = 10_000
const GIT_ASK_MS = 50
/** Files that change while they are read are read again after so many milliseconds. */
const AGAIN_MS = 200
/** A reload is answered after so long although open incidents are not held to it yet: the store may be away. Milliseconds. */
const ANSWER_MS = 5_000

export interface ReloadDeps {
  readonly configFile: string
  readonly inForce: Pick<InForce, 'read' | 'take'>
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
  /** Takes the files into force. One after another; who asks while one goes on shares the next. */
  readonly reload: () => Promise<ReloadResult>
  /** The same, but only as long as they are still what was seen: for whom they have to stand still first. */
  readonly reloadSeen: (fingerprint: string) => Promise<ReloadResult>
  /** {@link FilesSeen.fingerprint} of the files that were read last, whether they are in force or refused. */
  readonly lastRead: () => string
}

/** `loaded`: the fingerprint of what was loaded at the start, taken before. */
export function openReload(deps: ReloadDeps, loaded: string): Reload {
  const { inForce, clock, signal, onReloaded, apply } = deps
  let lastRead = loaded
  /** Null: somebody has asked for them whatever they are. */
  let expected: string | null = ''

  const run = inTurn(async (): Promise<ReloadResult> => {
    const only = expected
    expected = ''
    const { seen, read } = await readResting(deps)
    if (signal.aborted) return { ok: false, problems: ['kafka-healing is shutting down'] }
    if (only !== null && seen.fingerprint !== only) return { ok: false, problems: ['the files have changed meanwhile'] }
    lastRead = seen.fingerprint
    const result = inForce.take(read)
    onReloaded(result)
    if (!result.ok) return result
    const applied = await within(clock, ANSWER_MS, apply())
    return { ...result, applied: applied !== LATE && applied }
  })

  return {
    reload: () => {
      expected = null
      return run()
    },
    reloadSeen: (fingerprint) => {
      if (expected !== null) expected = fingerprint
      return run()
    },
    lastRead: () => lastRead,
  }
}

/** The files between two looks that found them alike: none is read while somebody is writing it. */
async function readResting(
  deps: ReloadDeps,
): Promise<{ readonly seen: FilesSeen; readonly read: LoadedConfiguration }> {
  const { configFile, inForce, look, clock, log, signal } = deps
  let seen = await withoutGit(deps)
  if (seen.busy) log.warn('git has not ended; the files are read as they are')
  for (let reading = 1; reading <= MOST_READINGS && !signal.aborted; reading += 1) {
    const read = inForce.read()
    const after = await look()
    if (after.fingerprint === seen.fingerprint) return { seen, read }
    await clock.sleep(AGAIN_MS, signal)
    seen = await withoutGit(deps)
  }
  return { seen, read: { problems: [keptChanging(configFile)] } }
}

/** A look once git has let go of the files, or after {@link GIT_MS}. */
async function withoutGit({ look, clock, signal }: ReloadDeps): Promise<FilesSeen> {
  const until = clock.monotonic() + GIT_MS
  let seen = await look()
  while (seen.busy && clock.monotonic() < until && !signal.aborted) {
    await clock.sleep(GIT_ASK_MS, signal)
    seen = await look()
  }
  return seen
}
