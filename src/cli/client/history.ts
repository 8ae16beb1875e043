import type { z } from 'zod'
import { csv } from '../../http/csv.ts'
import { HistoryItemAnswer, pageOf } from '../../http/shapes.ts'
import { type Colour, printable } from '../terminal.ts'
import { pages } from './pages.ts'
import { type ClientOptions, type Screen, withService } from './session.ts'
import { type Column, table } from './table.ts'
import { ago, span, stamp } from './times.ts'

export interface HistoryOptions extends ClientOptions {
  readonly since?: string
  readonly until?: string
  readonly cluster?: string
  readonly target?: string
  readonly rule?: string
  readonly outcome?: string
  readonly limit: number
  readonly csv?: boolean
}

type Item = z.infer<typeof HistoryItemAnswer>

/** `kafka-healing history`: attempts, newest first. */
export async function history(options: HistoryOptions): Promise<void> {
  const { since, until, cluster, target, rule, outcome, limit } = options
  const query = { since, until, cluster, target, rule, outcome }
  await withService(options, async (session) => {
    const found = await pages(session, '/history', query, limit, pageOf(HistoryItemAnswer))
    if (options.csv === true) process.stdout.write(csvText(found.value.items, process.stdout.isTTY))
    else session.print(found, (page) => historyLines(page, session.screen))
  })
}

function csvText(items: readonly Item[], onTerminal: boolean): string {
  return csv(Object.keys(HistoryItemAnswer.shape), onTerminal ? items.map(harmless) : items)
}

function harmless(item: Item): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(item).map(([name, value]) => [name, typeof value === 'string' ? printable(value) : value]),
  )
}

export function historyLines(
  { items, next }: { readonly items: readonly Item[]; readonly next: string | null },
  screen: Screen,
): readonly string[] {
  if (items.length === 0) return ['No attempts.']
  const more = next === null ? [] : ['', `These are the newest ${items.length}; --limit shows more.`]
  return [...table(columns(screen), items, screen), ...more]
}

function columns(screen: Screen): readonly Column<Item>[] {
  const began = ({ startedAt, scheduledAt }: Item): string => startedAt ?? scheduledAt
  return [
    { head: 'INCIDENT', cell: ({ incident }) => String(incident) },
    { head: 'BEGAN', cell: (item) => stamp(began(item), screen), drop: 3 },
    { head: 'AGO', cell: (item) => ago(began(item), screen).replace(/ ago$/, '') },
    { head: 'TARGET', cell: ({ target }) => target, least: 12 },
    { head: 'RULE', cell: ({ rule }) => rule, least: 8 },
    { head: 'TRY', cell: ({ attempt, byPerson }) => `${attempt}${byPerson ? ' by hand' : ''}`, drop: 2 },
    { head: 'RUNG', cell: ({ rung }) => String(rung), drop: 5 },
    { head: 'STATUS', cell: ({ status }) => status, colour: ({ status }) => COLOURS[status] ?? null },
    { head: 'TOOK', cell: ({ startedAt, finishedAt }) => took(startedAt, finishedAt), drop: 4 },
    { head: 'OUTCOME', cell: ({ outcome }) => outcome ?? 'open', colour: outcomeColour },
    { head: 'REASON', cell: ({ reason }) => reason, least: 12, drop: 1 },
  ]
}

const COLOURS: Partial<Record<Item['status'], Colour>> = {
  succeeded: 'green',
  failed: 'red',
  unknown: 'red',
  interrupted: 'yellow',
}

function outcomeColour({ outcome }: Item): Colour | null {
  if (outcome === null) return 'yellow'
  return outcome === 'healed' || outcome === 'cleared' ? 'green' : null
}

function took(startedAt: string | null, finishedAt: string | null): string {
  return startedAt === null || finishedAt === null ? '' : span(startedAt, finishedAt)
}
