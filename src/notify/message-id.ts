import { createHash } from 'node:crypto'
import type { Instant } from '../clock.ts'
import type { Telling } from './story.ts'

/**
 * Message-IDs are made of what never changes, so that a mail sent twice is recognised as one. The opening time stands in
 * them because incident numbers begin at 1 again with a new database, and mail servers drop an id they have seen before.
 */
interface Opened {
  readonly id: number
  readonly openedAt: Instant
}

/** The id that all mails of an incident refer to. No mail bears it: each recipient's first mail differs. */
export function rootId(incident: Opened, domain: string): string {
  return `<incident-${incident.id}.${incident.openedAt.toString(36)}@${domain}>`
}

/** E.g. `<incident-12.mi8s1x2k.r1.escalated.0.ab12cd34@example.org>`. */
export function mailId(
  incident: Opened,
  telling: Pick<Telling, 'round' | 'kind' | 'level'>,
  recipient: string,
  domain: string,
): string {
  const { round, kind, level } = telling
  return `<incident-${incident.id}.${incident.openedAt.toString(36)}.r${round}.${kind}.${level}.${shortHash(recipient)}@${domain}>`
}

/** A digest is known by the rows that it lists. */
export function digestId(
  rows: readonly Pick<Telling, 'id' | 'createdAt'>[],
  recipient: string,
  domain: string,
): string {
  const ids = rows.map((row) => row.id)
  const first = rows.reduce((least, row) => Math.min(least, row.createdAt), Number.MAX_SAFE_INTEGER)
  return `<digest.${first.toString(36)}.${shortHash(ids.join())}.${shortHash(recipient)}@${domain}>`
}

/** A notice is known by its key, which is never used again; its moment stands in it as an incident's does. */
export function noticeId(
  { key, createdAt }: { readonly key: string; readonly createdAt: Instant },
  recipient: string,
  domain: string,
): string {
  return `<notice.${shortHash(key)}.${createdAt.toString(36)}.${shortHash(recipient)}@${domain}>`
}

/** The id that all notices of a thread refer to; no mail bears it. */
export function noticeRootId(thread: string, domain: string): string {
  return `<thread.${createHash('sha256').update(thread).digest('hex').slice(0, 24)}@${domain}>`
}

/** The same mail for somebody else, because its recipient was refused. */
export function handedOnId(messageId: string, recipient: string): string {
  return messageId.replace(/\.[0-9a-f]{8}@/, `.${shortHash(recipient)}@`)
}

function shortHash(text: string): string {
  return createHash('sha256').update(text.toLowerCase()).digest('hex').slice(0, 8)
}
