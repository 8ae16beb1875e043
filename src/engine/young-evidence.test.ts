import { describe, expect, it } from 'vitest'
import { clusterView } from '../../test/support/cluster-view.ts'
import { brokerTarget, clusterOf, intentOf, lookContext } from '../../test/support/look.ts'
import { type Clock, systemClock } from '../clock.ts'
import { evaluateWorldGuards } from './world.ts'

const AT = 1_800_000_000_000

const alert = {
  fingerprint: 'a',
  status: 'firing',
  labels: { alertname: 'KafkaBrokerHung' },
  annotations: {},
  startsAt: AT,
  endsAt: null,
  generatorURL: '',
  seenAt: AT,
} as const

/** What the guards say of a restart when Prometheus takes so long to answer, while all else answers at once. */
async function asked(slowMs: number): Promise<ReadonlyMap<string, string>> {
  let now = AT
  const clock: Clock = { ...systemClock, now: () => now, sleep: () => new Promise<void>(() => {}) }
  const slow = async (): Promise<readonly []> => {
    await systemClock.sleep(20)
    now = AT + slowMs
    return []
  }
  const target = brokerTarget(2)
  const context = lookContext({
    target,
    cluster: clusterOf([target]),
    clock,
    view: async () => clusterView({ at: AT, tookMs: 0 }),
    monitoring: { prometheus: slow, alertmanager: null },
  })
  const results = await evaluateWorldGuards(
    intentOf({ disruptive: true, targetKey: target.key, alerts: [alert] }),
    context,
  )
  return new Map(results.map(({ guard, verdict, reason }) => [guard, `${verdict}: ${reason}`]))
}

describe('S-5.2 evidence is good for ten seconds', () => {
  it('also when another guard of the same look keeps all of them waiting', async () => {
    expect((await asked(9_000)).get('availability')).toMatch(/^pass/)
    expect((await asked(15_000)).get('availability')).toBe(
      'unknown: the look at the cluster is 15 s old, at most 10 s wanted',
    )
  })
})
