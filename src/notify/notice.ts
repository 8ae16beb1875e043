import type { Instant } from '../clock.ts'
import { line } from './clean.ts'
import type { Composed } from './compose.ts'
import type { Document } from './document.ts'
import { renderHtml } from './render-html.ts'
import { renderText } from './render-text.ts'
import { moment } from './times.ts'

/** What is told without an incident: it concerns a cluster, a rule or everything, not one target. */
export const NOTICE_KINDS = ['storm', 'stormStopped', 'stormOver', 'demotion', 'pause'] as const

export type NoticeKind = (typeof NOTICE_KINDS)[number]

export interface Notice {
  /** Told once: a second notice of the same key is none. */
  readonly key: string
  readonly kind: NoticeKind
  /** Notices of one thread answer each other. It names a moment too, because row numbers begin at 1 with a new database. */
  readonly thread: string
  readonly document: Document
}

/** The mail that a notice becomes. `notes`: why it came to this reader. `revision`: what is in force while it is made. */
export function composeNotice(
  { kind, document }: Pick<Notice, 'kind' | 'document'>,
  notes: readonly string[],
  revision: string,
  now: Instant,
): Composed {
  const note = { title: 'Note', blocks: [{ type: 'list' as const, items: notes }] }
  const whole: Document = {
    ...document,
    sections: notes.length > 0 ? [note, ...document.sections] : document.sections,
    foot: [...document.foot, `kafka-healing, ${kind}, written at ${moment(now)} under revision ${line(revision, 80)}`],
  }
  return { subject: whole.subject, text: renderText(whole), html: renderHtml(whole) }
}
