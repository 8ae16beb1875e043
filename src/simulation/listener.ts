import type { Instant } from '../clock.ts'
import type { Liveness } from '../kafka/clients.ts'
import type { BrokerFacts } from './facts.ts'
import { isUp, serves, type Unit } from './unit.ts'

/** What `src/kafka/liveness.ts` says beside each reason. */
const DETAILS: Readonly<Record<Liveness['why'], string | null>> = {
  ok: null,
  refused: 'ECONNREFUSED',
  unreachable: 'EHOSTUNREACH',
  'connect-timeout': 'nothing in 2000 ms',
  'tls-error': 'CERT_HAS_EXPIRED',
  'no-answer': 'nothing in 2000 ms',
  closed: null,
  'not-kafka': 'the answer is not one of Kafka',
  error: 'EPROTO',
}

/** How a listener answers: as a test says, and where nothing is in the way as its process does. */
export function livenessFrom(said: NonNullable<BrokerFacts['listener']>, unit?: Unit, now: Instant = 0): Liveness {
  if (said !== 'ok' || unit === undefined) return answer(said)
  if (serves(unit, now)) return answer('ok')
  return answer(isUp(unit) && unit.process.hung ? 'no-answer' : 'refused')
}

function answer(why: Liveness['why']): Liveness {
  const state = why === 'ok' ? 'serving' : why === 'refused' || why === 'no-answer' ? 'notServing' : 'unknown'
  return { state, why, detail: DETAILS[why], ms: 1 }
}
