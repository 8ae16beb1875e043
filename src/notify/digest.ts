import type { Instant } from '../clock.ts'
import type { TellKind } from '../incident/incident.ts'
import { line } from './clean.ts'
import type { Composed } from './compose.ts'
import { type Document, sections } from './document.ts'
import { clusterOf, thing, times } from './naming.ts'
import { renderHtml } from './render-html.ts'
import { renderText } from './render-text.ts'
import type { Story, Telling } from './story.ts'
import { moment } from './times.ts'

/** Rows listed one by one; all others are counted. Bounds the mail whatever a storm brings. */
export const LISTED = 100
const COUNTED = 20

export interface DigestRow {
  readonly telling: Telling
  /** Null where the incident could not be read, or lies beyond the listed ones. */
  readonly story: Pick<Story, 'incident' | 'alerts'> | null
}

/** What must be read first stands first. */
const ORDER: readonly TellKind[] = ['escalated', 'refused', 'told', 'digest', 'recovered']

/** Rows in the order in which a digest lists them. */
export function inDigestOrder<T extends Telling>(tellings: readonly T[]): readonly T[] {
  return tellings.toSorted((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || a.id - b.id)
}

/** One mail for many rows. `rows` are in digest order. */
export function digest(
  rows: readonly DigestRow[],
  externalUrl: string | null,
  notes: readonly string[],
  now: Instant,
): Composed {
  const tellings = rows.map((row) => row.telling)
  const incidents = new Set(tellings.map((one) => one.incident)).size
  const yours = tellings.filter((one) => one.kind === 'escalated').length
  const kinds = counts(tellings.map((one) => (one.kind === 'digest' ? 'informed' : one.kind)))
  const subject = line(
    `[kafka-healing] ${times(incidents, 'incident')}: ${kinds.map(([kind, count]) => `${count} ${kind}`).join(', ')}`,
    110,
  )
  const listed = rows.slice(0, LISTED)
  const rest = rows.length - listed.length
  const clusters = counts(rows.flatMap(({ story }) => (story === null ? [] : [clusterOf(story)])))
  const document: Document = {
    subject,
    tone: yours > 0 ? 'bad' : 'waiting',
    lead:
      yours > 0
        ? `${times(yours, 'incident')} of ${incidents} wait${yours === 1 ? 's' : ''} for a person; they stand first. Take each over on its page.`
        : `${times(incidents, 'incident')} to know of. None of them waits for you now.`,
    sections: sections(
      notes.length > 0 ? { title: 'Note', blocks: [{ type: 'list', items: notes }] } : null,
      {
        title: 'Counts',
        blocks: [
          {
            type: 'facts',
            rows: [
              ...kinds.map(([kind, count]) => [kind, String(count)] as const),
              ...counts(tellings.map((one) => one.reason)).map(
                ([reason, count]) => [`because ${reason}`, String(count)] as const,
              ),
              ...clusters.map(
                ([name, count]) =>
                  [`on ${name}`, rest > 0 ? `${count} of the first ${LISTED}` : String(count)] as const,
              ),
            ],
          },
        ],
      },
      {
        title: `The ${rest > 0 ? `first ${listed.length} of ${rows.length}` : rows.length}`,
        blocks: [{ type: 'list', items: listed.map((row) => item(row, externalUrl)) }],
      },
      rest > 0
        ? {
            title: 'And the rest',
            blocks: [
              {
                type: 'text',
                text: `${rest} more, numbers ${ranges(rows.slice(LISTED).map((row) => row.telling.incident))}.`,
              },
              {
                type: 'text',
                text: externalUrl === null ? 'All of them: GET /incidents' : `All of them: ${externalUrl}/incidents`,
              },
            ],
          }
        : null,
    ),
    foot: [
      `kafka-healing, ${times(rows.length, 'message')} in one mail, written at ${moment(now)}`,
      `Decided by revision ${revisions(tellings)}`,
    ],
  }
  return { subject, text: renderText(document), html: renderHtml(document) }
}

/** All of them have one, unless it has changed meanwhile. */
function revisions(tellings: readonly Telling[]): string {
  const by = counts(tellings.map(({ revision }) => line(revision, 80)))
  return by.map(([name, count]) => (by.length === 1 ? name : `${name} (${count})`)).join(', ')
}

function item({ telling, story }: DigestRow, externalUrl: string | null): string {
  const what = story === null ? '' : `[${clusterOf(story)}] ${thing(story)}: `
  const where = externalUrl === null ? '' : ` ${externalUrl}/incidents/${telling.incident}`
  return `#${telling.incident} ${telling.kind}, ${telling.reason}: ${what}${line(telling.summary, 200)} (${moment(telling.createdAt)})${where}`
}

function counts(values: readonly string[]): readonly (readonly [string, number])[] {
  const by = new Map<string, number>()
  for (const value of values) by.set(value, (by.get(value) ?? 0) + 1)
  return [...by].toSorted((a, b) => b[1] - a[1]).slice(0, COUNTED)
}

/** Incident numbers as ranges, bounded: `1–40, 52, 60–99`. */
function ranges(ids: readonly number[]): string {
  const sorted = [...new Set(ids)].toSorted((a, b) => a - b)
  const spans: [number, number][] = []
  for (const id of sorted) {
    const last = spans.at(-1)
    if (last !== undefined && last[1] === id - 1) last[1] = id
    else spans.push([id, id])
  }
  const words = spans.slice(0, COUNTED).map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`))
  return `${words.join(', ')}${spans.length > COUNTED ? ', …' : ''}`
}
