import { z } from 'zod'
import { formatMatcher } from '../../alert/matcher.ts'
import { parseMatcher } from '../../alert/matcher-syntax.ts'
import { SilenceAnswer } from '../../http/shapes.ts'
import { jsonText } from '../json.ts'
import { printable } from '../terminal.ts'
import type { Answered } from './api.ts'
import { wrongUsage } from './error.ts'
import { type ClientOptions, personHere, type Screen, type Session, withService } from './session.ts'
import { type Column, table } from './table.ts'
import { ago, moment, stamp } from './times.ts'

export interface SilenceAddOptions extends ClientOptions {
  readonly duration?: string
  readonly start?: string
  readonly end?: string
  readonly by?: string
  readonly comment: string
  readonly all?: boolean
}

export interface SilenceListOptions extends ClientOptions {
  readonly state?: readonly string[]
}

type Silence = z.infer<typeof SilenceAnswer>

const DEFAULT_DURATION = '1h'

/** `silence add`: matchers as amtool takes them; a bare first word is the name of an alert. */
export async function addSilence(written: readonly string[], options: SilenceAddOptions): Promise<void> {
  const { start, end, comment, all, by: author = personHere() } = options
  await withService(options, async (session) => {
    const matchers = written.map((text, index) => matcherOf(text, index === 0))
    const duration = options.duration ?? (end === undefined ? DEFAULT_DURATION : undefined)
    const body = { matchers, author, comment, start, end, duration, all }
    const made = await session.ask({ method: 'POST', path: '/silence', body }, SilenceAnswer)
    session.print(made, (silence) => [
      ...silenceLines(silence, session.screen),
      `It ends sooner with: ${session.propose('silence', 'expire', silence.id)}`,
    ])
  })
}

function matcherOf(text: string, mayBeName: boolean): string {
  if (mayBeName && /^[\w:.-]+$/.test(text)) return `alertname=${JSON.stringify(text)}`
  const read = parseMatcher(text)
  if ('ok' in read) return formatMatcher(read.ok)
  throw wrongUsage(
    `matcher ${text}, character ${read.column}: ${read.problem}`,
    `Expected one such as alertname=KafkaBrokerDown, broker_id!=2 or 'cluster=~"orders|payments"'.`,
  )
}

function silenceLines({ id, state, matchers, endsAt }: Silence, screen: Screen): readonly string[] {
  const { paint } = screen
  return [
    `${paint('green', 'Silenced')} (${state}) until ${moment(endsAt, screen)}: ${matchers.map(printable).join(' ')}`,
    `id ${printable(id)}`,
  ]
}

/** `silence list`: those that hold or will, newest end first. */
export async function listSilences(options: SilenceListOptions): Promise<void> {
  const { state: states = ['active', 'pending'] } = options
  await withService(options, async (session) => {
    const query = { state: states.join(',') }
    const found = await session.ask(
      { method: 'GET', path: '/silence', query },
      z.object({ items: z.array(SilenceAnswer) }),
    )
    session.print(found, ({ items }) =>
      items.length === 0
        ? [`No silences that are ${states.join(' or ')}.`]
        : table(columns(session.screen), items, session.screen),
    )
  })
}

function columns(screen: Screen): readonly Column<Silence>[] {
  return [
    { head: 'ID', cell: ({ id }) => id },
    { head: 'MATCHERS', cell: ({ matchers }) => matchers.join(' '), least: 20 },
    {
      head: 'STATE',
      cell: ({ state }) => state,
      colour: ({ state }) => (state === 'active' ? 'yellow' : null),
      drop: 3,
    },
    { head: 'ENDS', cell: ({ endsAt }) => stamp(endsAt, screen), drop: 4 },
    { head: '', cell: ({ endsAt }) => ago(endsAt, screen) },
    { head: 'BY', cell: ({ author }) => author, least: 5, drop: 2 },
    { head: 'COMMENT', cell: ({ comment }) => comment, least: 10, drop: 1 },
  ]
}

/** `silence expire`: each of them, whatever becomes of the others. With `--json` one list, as `silence list` prints it. */
export async function expireSilences(ids: readonly string[], options: ClientOptions): Promise<void> {
  const ended: unknown[] = []
  for (const id of ids) {
    await withService(options, async (session) => {
      const done = await expire(session, id)
      if (options.json === true) ended.push(done.json)
      else session.print(done, (silence) => [endedLine(silence, session.screen)])
    })
  }
  if (ended.length > 0) process.stdout.write(jsonText({ items: ended }))
}

function expire({ ask }: Session, id: string): Promise<Answered<Silence>> {
  return ask({ method: 'DELETE', path: `/silence/${encodeURIComponent(id)}` }, SilenceAnswer)
}

function endedLine({ id, matchers }: Silence, { paint }: Screen): string {
  return `${paint('green', 'Ended')} ${printable(id)}: ${matchers.map(printable).join(' ')}`
}
