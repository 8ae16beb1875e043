import type { z } from 'zod'
import { IncidentSummaryAnswer, pageOf } from '../../http/shapes.ts'
import { STATES } from '../../incident/incident.ts'
import type { Colour } from '../terminal.ts'
import { pages } from './pages.ts'
import { type ClientOptions, type Screen, withService } from './session.ts'
import { type Column, table } from './table.ts'
import { ago } from './times.ts'

export interface IncidentsOptions extends ClientOptions {
  readonly state?: readonly string[]
  readonly all?: boolean
  readonly cluster?: string
  readonly target?: string
  readonly rule?: string
  readonly limit: number
}

type Summary = z.infer<typeof IncidentSummaryAnswer>

const OPEN = STATES.filter((state) => state !== 'closed')

/** `kafka-healing incidents`: those that are open, newest first. */
export async function incidents(options: IncidentsOptions): Promise<void> {
  const { state = options.all === true ? undefined : OPEN, cluster, target, rule, limit } = options
  await withService(options, async (session) => {
    const query = { state: state?.join(','), cluster, target, rule }
    const found = await pages(session, '/incidents', query, limit, pageOf(IncidentSummaryAnswer))
    session.print(found, (page) => incidentsLines(page, session.screen))
  })
}

export function incidentsLines(
  { items, next }: { readonly items: readonly Summary[]; readonly next: string | null },
  screen: Screen,
): readonly string[] {
  if (items.length === 0) return ['No incidents.']
  const more = next === null ? [] : ['', `These are the newest ${items.length}; --limit shows more.`]
  return [...table(columns(screen), items, screen), ...more]
}

function columns(screen: Screen): readonly Column<Summary>[] {
  return [
    { head: 'ID', cell: ({ id }) => String(id) },
    { head: 'STATE', cell: ({ state }) => state, colour: ({ state }) => COLOURS[state] ?? null },
    { head: 'REASON', cell: ({ reason }) => reason },
    { head: 'SINCE', cell: ({ stateSince }) => ago(stateSince, screen).replace(/ ago$/, '') },
    { head: 'OPENED', cell: ({ openedAt }) => ago(openedAt, screen), drop: 4 },
    { head: 'SUBJECT', cell: ({ subject }) => subject, least: 12 },
    { head: 'RULE', cell: ({ rule }) => rule, least: 8 },
    { head: 'MODE', cell: ({ mode }) => mode, drop: 3 },
    { head: 'TRIES', cell: ({ attempts }) => String(attempts), drop: 5 },
    { head: 'OWNER', cell: ({ owner }) => owner ?? '', least: 5, drop: 2 },
    { head: 'DETAIL', cell: ({ detail }) => detail, least: 16, drop: 1 },
  ]
}

const COLOURS: Partial<Record<Summary['state'], Colour>> = {
  escalated: 'red',
  waiting: 'yellow',
  checking: 'yellow',
  attempting: 'yellow',
  verifying: 'yellow',
  probation: 'green',
}
