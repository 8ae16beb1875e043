import { createHash, randomBytes } from 'node:crypto'
import type { Instant } from '../clock.ts'
import type { Event } from '../incident/event.ts'
import { applyToOpen } from './incidents.ts'
import { tokenAction } from './json.ts'
import type { Moved, TokenAction, TokenSeen, TokenValid } from './store.ts'
import { exec, fixed, one, type Unit } from './unit.ts'

const insertToken = fixed(
  (db, p: { hash: string; incident: number; action: string; request: number | null; expiresAt: number; now: number }) =>
    db.insertInto('tokens').values({
      hash: p.hash,
      incident: p.incident,
      action: p.action,
      request: p.request,
      created_at: p.now,
      expires_at: p.expiresAt,
    }),
)
const tokenRow = fixed((db, p: { hash: string }) => db.selectFrom('tokens').selectAll().where('hash', '=', p.hash))
const spend = fixed((db, p: { hash: string; now: number }) =>
  db.updateTable('tokens').set({ used_at: p.now }).where('hash', '=', p.hash).where('used_at', 'is', null),
)

/** The token goes out in a link; only its hash stays here. */
export function* issueToken(
  incident: number,
  action: TokenAction,
  expiresAt: Instant,
  now: Instant,
  request: number | null,
): Unit<string> {
  const token = randomBytes(32).toString('base64url')
  yield* exec(insertToken({ hash: hashOf(token), incident, action, request, expiresAt, now }))
  return token
}

export function* readToken(token: string, now: Instant): Unit<TokenSeen> {
  const row = yield* one(tokenRow({ hash: hashOf(token) }))
  if (!row) return { state: 'unknown' }
  if (row.used_at !== null) return { state: 'used' }
  if (row.expires_at <= now) return { state: 'expired' }
  return { state: 'valid', incident: row.incident, action: tokenAction.parse(row.action), request: row.request }
}

export function* useToken(token: string, now: Instant): Unit<TokenSeen> {
  const seen = yield* readToken(token, now)
  if (seen.state !== 'valid') return seen
  return (yield* exec(spend({ hash: hashOf(token), now }))) === 1 ? seen : { state: 'used' }
}

export function* applyByToken(
  token: string,
  eventOf: (seen: TokenValid) => Event | null,
  now: Instant,
): Unit<{ readonly seen: TokenSeen; readonly moved: Moved | null }> {
  const seen = yield* readToken(token, now)
  const event = seen.state === 'valid' ? eventOf(seen) : null
  if (seen.state !== 'valid' || event === null) return { seen, moved: null }
  const moved = yield* applyToOpen(seen.incident, event, now)
  if (moved) yield* exec(spend({ hash: hashOf(token), now }))
  return { seen, moved }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
