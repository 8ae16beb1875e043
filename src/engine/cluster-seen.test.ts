import { expect, test } from 'vitest'
import { brokerSeen, clusterView, liveness } from '../../test/support/cluster-view.ts'
import type { Quorum } from '../kafka/view.ts'
import { seenIn } from './cluster-seen.ts'

const address = { host: 'kafka-1', port: 9093 }
const controllers = [1, 2, 3].map(() => ({ address, says: 'silent', reason: 'ECONNREFUSED' }) as const)
const frozen: Quorum = { kind: 'frozen', reason: 'no controller leads', controllers }

test('S-5.9 members of the quorum are known by their targets while it has a leader', () => {
  expect(seenIn(clusterView())).toMatchObject({
    voters: [1, 2, 3].map((id) => `orders/broker/${id}`),
    leaderless: null,
  })
})

test('S-5.9 without a leader whoever was not seen serving is silent, one out of our reach as well', () => {
  const brokers = [
    brokerSeen(1, { liveness: liveness('refused') }),
    brokerSeen(2, { liveness: liveness('connect-timeout') }),
    brokerSeen(3),
  ]
  expect(seenIn(clusterView({ brokers, quorum: frozen }))).toMatchObject({
    voters: null,
    leaderless: { silent: ['orders/broker/1', 'orders/broker/2'], of: 3 },
  })
})

test('S-5.9 what cannot be told is not without a leader', () => {
  const quorum: Quorum = { kind: 'unknown', reason: 'nobody could be asked', controllers }
  expect(seenIn(clusterView({ quorum })).leaderless).toBeNull()
})
