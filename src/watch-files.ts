import type { Logger } from 'pino'
import type { Clock } from './clock.ts'
import { aborted, LATE, within } from './hosts/waiting.ts'
import type { FilesSeen } from './rules/files.ts'

/** While it is switched off, whether it still is, is asked so often; milliseconds. */
const OFF_MS = 2_000
/** After so long it is said what keeps files from being taken into force; milliseconds. */
const PATIENCE_MS = 60_000

export interface FilesWatchDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  /** Null while it is switched off. */
  readonly debounceMs: () => number | null
  readonly look: () => Promise<FilesSeen>
  /** The fingerprint of what was read last, by whomever. */
  readonly lastRead: () => string
  /** Takes them into force if they are still what was seen. */
  readonly reload: (fingerprint: string) => Promise<unknown>
}

/**
 * Takes changed files into force, until `signal` aborts: once two looks, `debounceMs` apart, have found them changed and
 * alike, and git does not hold its lock. It looks at what is there and is not told what happens, so it is all the same
 * whether an editor writes or renames, a checkout replaces files, or a symbolic link is swapped. Files that are refused are
 * read again only when they have changed.
 */
export async function runFilesWatch(deps: FilesWatchDeps): Promise<void> {
  const { clock, log, signal, debounceMs, lastRead, reload } = deps
  let before: string | null = null
  let busySince: number | null = null
  while (!signal.aborted) {
    const debounce = debounceMs()
    await clock.sleep(debounce ?? OFF_MS, signal)
    if (signal.aborted || debounce === null) continue
    const seen = await patiently(deps)
    if (seen === null) return
    if (seen.busy) {
      busySince ??= clock.monotonic()
      if (clock.monotonic() - busySince < PATIENCE_MS) continue
      log.warn('a lock of git keeps changed files from being taken into force; remove index.lock if no git runs')
      busySince = Number.POSITIVE_INFINITY
      continue
    }
    busySince = null
    const rests = seen.fingerprint === before
    before = seen.fingerprint
    if (!rests || seen.fingerprint === lastRead()) continue
    await reload(seen.fingerprint).catch((err: unknown) => log.error({ err }, 'reload broke off'))
  }
}

/** A look, however long the disk takes; null at a shutdown. */
async function patiently({ look, clock, log, signal }: FilesWatchDeps): Promise<FilesSeen | null> {
  const stopped = aborted(signal)
  try {
    const seen = Promise.race([look(), stopped.promise.then(() => null)])
    const soon = await within(clock, PATIENCE_MS, seen)
    if (soon !== LATE) return soon
    log.error('the files of the configuration cannot be read: their disk does not answer')
    return await seen
  } finally {
    stopped.release()
  }
}
