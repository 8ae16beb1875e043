import { once } from 'node:events'
import { systemClock } from '../clock.ts'
import type { Difference } from '../replay/differences.ts'
import { replay as run } from '../replay/replay.ts'
import type { Report } from '../replay/report.ts'
import type { Recorded } from '../store/recorded.ts'
import { wrongUsage } from './client/error.ts'
import { configFile } from './config-file.ts'
import { type Progress, withProgress } from './progress.ts'
import { orSay } from './replay/failure.ts'
import type { Format } from './replay/format.ts'
import { jsonFormat } from './replay/json.ts'
import { markdownFormat } from './replay/markdown.ts'
import { type Sides, sidesOf } from './replay/rule-sets.ts'
import { Sample } from './replay/sample.ts'
import { openSource } from './replay/source.ts'
import { textFormat } from './replay/text.ts'
import { number } from './replay/wording.ts'
import { paintFor } from './terminal.ts'

export interface ReplayOptions {
  readonly config?: string
  readonly rules?: string
  readonly against?: string
  readonly alerts?: string
  readonly since?: string
  readonly maxChanges?: number
  readonly detail: number | 'all'
  readonly format: 'text' | 'markdown' | 'json'
}

/** Out of the range of exit codes that all commands share. */
const TOO_MANY = 3

/** `kafka-healing replay`: what two rule sets would have done differently with what was recorded. Exit codes stand in its help. */
export async function replay(options: ReplayOptions): Promise<void> {
  await orSay(async () => {
    if (options.rules === undefined && options.against === undefined) {
      throw wrongUsage(
        'say what to compare the rules with: --rules DIR (other rules than those in force here), or --against REV (those of a git revision)',
      )
    }
    const sides = await sidesOf(configFile(options.config), options)
    const { different } = await withProgress('replaying', (progress) => compare(sides, options, progress), {
      clock: systemClock,
    })
    if (options.maxChanges === undefined || different <= options.maxChanges) return
    console.error(
      `${number(different)} alerts would be treated differently, ${number(options.maxChanges)} may (--max-changes)`,
    )
    process.exitCode = TOO_MANY
  })
}

async function compare(sides: Sides, options: ReplayOptions, progress: Progress): Promise<Report> {
  const format = formatOf(options.format)
  const source = await openSource(options, sides.config)
  const sample = new Sample(options.detail === 'all' ? 0 : options.detail)
  const found: Difference[] = []
  try {
    const report = await run({
      ...sides,
      record: options.detail === 'all' ? printing(source.record, found, format, progress) : source.record,
      until: source.until,
      maintenance: sides.config.maintenance,
      onDifference: (difference) => (options.detail === 'all' ? found.push(difference) : sample.add(difference)),
      onProgress: (changes) => progress.say(`replaying: ${number(changes)} changes of alerts`),
    })
    if (options.detail !== 'all') await print(format.begin, progress)
    await printAll(found, format, progress)
    const details = sample.chosen()
    const leftOut = options.detail === 'all' ? 0 : report.different - details.length
    const shown = { before: sides.before.from, after: sides.after.from, details, leftOut }
    await print(format.summary(report, shown), progress)
    return report
  } finally {
    await source.close()
  }
}

/**
 * Prints between two chunks what was found in the one before: nothing is kept for the end. It begins with the first chunk:
 * of a record that is refused nothing is printed.
 */
async function* printing(
  record: AsyncIterable<readonly Recorded[]>,
  found: Difference[],
  format: Format,
  progress: Progress,
): AsyncGenerator<readonly Recorded[]> {
  let { begin } = format
  for await (const chunk of record) {
    await print(begin, progress)
    begin = ''
    await printAll(found, format, progress)
    yield chunk
  }
}

async function printAll(found: Difference[], { alert }: Format, progress: Progress): Promise<void> {
  for (const difference of found.splice(0)) await print(alert(difference), progress)
}

async function print(text: string, progress: Progress): Promise<void> {
  if (text === '') return
  progress.hide()
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

function formatOf(name: ReplayOptions['format']): Format {
  if (name === 'json') return jsonFormat()
  return name === 'markdown' ? markdownFormat : textFormat(paintFor(process.stdout, process.env))
}
