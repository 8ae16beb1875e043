import { type Instant, systemClock } from '../../clock.ts'
import type { Config } from '../../config.ts'
import { openRecordFile } from '../../replay/record-file.ts'
import { type Recorded, readRecorded } from '../../store/recorded.ts'
import { openDatabase } from './database.ts'
import { startOf } from './time.ts'

/** What is replayed, and until when. */
export interface Source {
  readonly record: AsyncIterable<readonly Recorded[]>
  readonly until: Instant
  close(): Promise<void>
}

const DEFAULT_SINCE = '30d'

/** The database of the configuration, or a file of `export alerts`. */
export async function openSource(
  { alerts, since }: { readonly alerts?: string; readonly since?: string },
  config: Config,
): Promise<Source> {
  if (alerts !== undefined) {
    const { header, record } = await openRecordFile(alerts, process.stdin)
    const from = since === undefined ? null : startOf(since, header.until)
    return { record: from === null ? record : later(record, from), until: header.until, close: async () => undefined }
  }
  const until = systemClock.now()
  const from = startOf(since ?? DEFAULT_SINCE, until)
  const reader = openDatabase(config)
  const record = readRecorded(reader, { since: from, until, annotations: false })
  return { record, until, close: () => reader.close() }
}

/** Holds, and what guards have said, may count for what comes later. */
async function* later(record: AsyncIterable<readonly Recorded[]>, from: Instant): AsyncGenerator<readonly Recorded[]> {
  for await (const chunk of record)
    yield chunk.filter(
      (one) => one.at >= from || (one.kind !== 'alert' && one.kind !== 'health' && one.kind !== 'attempt'),
    )
}
