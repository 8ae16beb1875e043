import type { Clock } from '../clock.ts'
import type { HostPort } from '../inventory/inventory.ts'
import { readMetadata } from './ask-broker.ts'
import { brief } from './brief.ts'
import type { Liveness } from './clients.ts'
import { KafkaConnection, KafkaError, type KafkaSecurity } from './connection.ts'
import { askLiveness } from './liveness.ts'

/** Why a listener could not be read, told apart as far as a person has to do something else about it. */
export interface ListenerTrouble {
  readonly what:
    | 'unanswered'
    | 'speaks-tls'
    | 'speaks-no-tls'
    | 'certificate'
    | 'wants-login'
    | 'refused-login'
    | 'other'
  /** In the words of whoever refused. */
  readonly detail: string
}

const DEADLINE_MS = 3_000

/** Nobody is there, or nobody says a word: the other way of speaking would bring nothing either. */
const NOBODY: ReadonlySet<Liveness['why']> = new Set(['refused', 'unreachable', 'connect-timeout'])

/** Puts the harmless question again, also the other way: in TLS to who was spoken to plainly, and plainly to who was spoken to in TLS. */
export async function diagnoseListener(
  address: HostPort,
  { clock, security }: { readonly clock: Clock; readonly security: KafkaSecurity },
): Promise<ListenerTrouble> {
  const { ssl } = security
  const asked = await askLiveness(address, { clock, deadlineMs: DEADLINE_MS, ...(ssl && { ssl }) })
  if (asked.why === 'ok') return loginTrouble(address, security)
  const detail = asked.detail ?? asked.why
  if (NOBODY.has(asked.why)) return { what: 'unanswered', detail }
  if (ssl === undefined) {
    // Only to learn that it is TLS: nothing of ours is sent but ApiVersions, so nobody has to be believed.
    const tls = await askLiveness(address, { clock, deadlineMs: DEADLINE_MS, ssl: { rejectUnauthorized: false } })
    // One that minds our lack of a certificate says so in TLS.
    if (tls.why === 'ok' || /CERTIFICATE/.test(tls.detail ?? '')) return { what: 'speaks-tls', detail }
  } else {
    const plain = await askLiveness(address, { clock, deadlineMs: DEADLINE_MS })
    if (plain.why === 'ok') return { what: 'speaks-no-tls', detail }
    if (asked.why === 'tls-error' || asked.why === 'error') return { what: 'certificate', detail }
  }
  return { what: asked.why === 'no-answer' ? 'unanswered' : 'other', detail }
}

/** It answers whoever asks; what it answers nobody, or only who has logged in, is the next question. */
async function loginTrouble(address: HostPort, security: KafkaSecurity): Promise<ListenerTrouble> {
  let connection: KafkaConnection | null = null
  try {
    connection = await KafkaConnection.open(address, { ...security, deadlineMs: DEADLINE_MS })
  } catch (error) {
    return { what: security.sasl ? 'refused-login' : 'other', detail: brief(error) }
  }
  try {
    await readMetadata(connection, DEADLINE_MS)
    return { what: 'other', detail: 'it answered only now; try again' }
  } catch (error) {
    const closed = error instanceof KafkaError && error.code === 'closed'
    return { what: closed && !security.sasl ? 'wants-login' : 'other', detail: brief(error) }
  } finally {
    connection.close()
  }
}
