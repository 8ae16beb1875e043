import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { systemClock } from '../clock.ts'
import { type Header, headerLine, lastLine, lineOf } from '../replay/record-file.ts'
import { type Reader, readRecorded } from '../store/recorded.ts'
import { configFile } from './config-file.ts'
import { type Progress, withProgress } from './progress.ts'
import { openDatabase } from './replay/database.ts'
import { orSay } from './replay/failure.ts'
import { configOf } from './replay/rule-sets.ts'
import { startOf } from './replay/time.ts'

export interface ExportOptions {
  readonly config?: string
  readonly since: string
  readonly output?: string
  readonly redact?: boolean
}

/** `kafka-healing export alerts`: the record of the database as lines of JSON. A file is there when it is whole, or not at all. */
export async function exportAlerts({ config, since, output, redact = false }: ExportOptions): Promise<void> {
  await orSay(async () => {
    const now = systemClock.now()
    const header: Header = { since: startOf(since, now), until: now, exportedAt: now, redacted: redact }
    const reader = openDatabase(configOf(configFile(config)))
    try {
      await withProgress('exporting', (progress) => write(output, lines(reader, header, progress)), {
        clock: systemClock,
      })
    } finally {
      await reader.close()
    }
  })
}

async function* lines(reader: Reader, header: Header, progress: Progress): AsyncGenerator<string> {
  const { since, until, redacted } = header
  let written = 0
  let begin = headerLine(header)
  for await (const chunk of readRecorded(reader, { since, until, annotations: !redacted })) {
    written += chunk.length
    progress.say(`exporting: ${written.toLocaleString('en')} lines`)
    // Not before the first look: of a database that cannot be read nothing is printed.
    yield begin + chunk.map((one) => lineOf(one, redacted)).join('')
    begin = ''
  }
  yield lastLine(written)
}

async function write(output: string | undefined, source: AsyncIterable<string>): Promise<void> {
  if (output === undefined || output === '-') return pipeline(source, process.stdout, { end: false })
  const unfinished = `${output}.unfinished`
  try {
    // One that was left or put there has another mode, or leads elsewhere.
    await rm(unfinished, { force: true })
    const file = createWriteStream(unfinished, { mode: 0o600, flags: 'wx' })
    await (output.endsWith('.gz') ? pipeline(source, createGzip(), file) : pipeline(source, file))
    await rename(unfinished, output)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}
