import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { availability } from '../../src/guards/availability.ts'
import type { Intent, WorldGuard } from '../../src/guards/guard.ts'
import { identity } from '../../src/guards/identity.ts'
import { noReassignment } from '../../src/guards/no-reassignment.ts'
import { noRecovery } from '../../src/guards/no-recovery.ts'
import { quorum } from '../../src/guards/quorum.ts'
import { symptom } from '../../src/guards/symptom.ts'
import { type OpenHosts, openHosts } from '../../src/hosts/hosts.ts'
import type { GuardResult } from '../../src/incident/verdict.ts'
import { loadInventory } from '../../src/inventory/load.ts'
import { openKafkaClients } from '../../src/kafka/open-clients.ts'
import { brokerStateOf } from '../../src/probes/broker-state.ts'
import { kafkaApi } from '../../src/probes/kafka-api.ts'
import { openMonitoring } from '../../src/probes/monitoring.ts'
import type { LookContext, Memory } from '../../src/probes/probe.ts'
import { readUnit } from '../../src/probes/unit-state.ts'
import { type Lab, startLab } from '../lab/lab.ts'
import { waitFor } from '../lab/wait.ts'
import { intentOf, memoryOf } from '../support/look.ts'

/** Guards over the world, asked over SSH, Kafka's protocol and Prometheus about real brokers; nothing is acted on. */
let lab: Lab
let hosts: OpenHosts
const disruptive = intentOf({ disruptive: true })

beforeAll(async () => {
  lab = await startLab({ parts: ['kafka', 'ssh', 'monitoring'], sessionTimeoutMs: 3_000 })
  hosts = openHosts({ clock: systemClock, log: pino({ level: 'silent' }) })
  await lab.createTopic('orders')
  await lab.waitHealed()
}, 180_000)
afterAll(async () => {
  await hosts?.close()
  await lab?.down()
}, 60_000)

/** One look at a broker. */
function contextOf(id: number, memory: Partial<Memory> = {}): LookContext {
  const { inventory } = loadInventory(join(lab.healingFolder, 'inventory.yml'))
  const cluster = inventory?.clusters.get('orders')
  const target = inventory?.targets.get(`orders/broker/${id}`)
  if (!cluster || !target) throw new Error('the inventory of the lab cannot be read')
  const kafka = openKafkaClients({ clock: systemClock })
  let view: ReturnType<LookContext['view']> | null = null
  return {
    target,
    cluster,
    host: hosts.hostOf(target),
    local: hosts.local,
    kafka,
    view: () => (view ??= kafka.view(cluster)),
    monitoring: openMonitoring({ prometheus: { url: lab.url.prometheus, timeoutMs: 5_000 } }),
    memory: memoryOf(memory),
    clock: systemClock,
    signal: new AbortController().signal,
  }
}

async function ask(
  guard: WorldGuard,
  id: number,
  {
    params = {},
    intent = disruptive,
    memory = {},
  }: { params?: unknown; intent?: Intent; memory?: Partial<Memory> } = {},
): Promise<GuardResult> {
  const result = guard.decide(
    await guard.facts(params, intent, contextOf(id, memory)),
    params,
    intent,
    systemClock.now(),
  )
  return result
}
const hung = (id: number, memory: Partial<Memory> = {}) => ask(symptom, id, { params: { broker: 'hung' }, memory })
/** One look for all of them, as the service takes it. */
async function verdicts(id: number): Promise<Readonly<Record<string, string>>> {
  const context = contextOf(id)
  const guards: readonly WorldGuard[] = [identity, availability, quorum, noRecovery, noReassignment]
  const asked = guards.map(async (guard) => {
    const facts = await guard.facts({}, disruptive, context)
    const { verdict, reason } = guard.decide(facts, {}, disruptive, systemClock.now())
    return [guard.type, verdict === 'pass' ? verdict : `${verdict}: ${reason}`] as const
  })
  return Object.fromEntries(await Promise.all(asked))
}
/** A machine that is busy with other things answers late, and what is late is unknown. */
const becomes = (id: number, wanted: object) =>
  expect.poll(() => verdicts(id), { timeout: 30_000, interval: 500 }).toEqual(wanted)
const allPass = {
  identity: 'pass',
  availability: 'pass',
  quorum: 'pass',
  'no-recovery': 'pass',
  'no-reassignment': 'pass',
}

describe('a healthy cluster', () => {
  test('S-2.6 a broker that just began is not restarted: nothing proves yet that it runs', async () => {
    const result = await ask(noRecovery, 1)
    const state = await brokerStateOf(contextOf(1))
    if (state.state === null) expect(result).toMatchObject({ verdict: 'refuse' })
    await waitFor(
      'Prometheus to know its state for sure',
      async () => (await brokerStateOf(contextOf(1))).state === 3,
      60_000,
      1_000,
    )
    expect(await ask(noRecovery, 1)).toMatchObject({ verdict: 'pass' })
  }, 90_000)

  test('S-5.6 S-5.7 S-5.8 one of three may be missed', async () => {
    await becomes(2, allPass)
  }, 40_000)

  test('S-5.4 nobody hangs', async () => {
    expect(await hung(2)).toMatchObject({ verdict: 'refuse', reason: expect.stringContaining('it answers') })
  }, 30_000)

  test('S-5.6 a topic with one replica makes it a question that names the topic', async () => {
    await lab.createTopic('audit', { assignment: [[3]], minInsyncReplicas: 1 })
    const result = await ask(availability, 3)
    expect(result).toMatchObject({ verdict: 'refuse', approvable: true })
    expect(result.reason).toContain('audit')
    expect((await ask(availability, 1)).verdict).toBe('pass')
  }, 30_000)
})

describe('S-5.4 a broker that is stopped in its tracks', () => {
  test('hangs, says its own host and the cluster; it may be restarted', async () => {
    await waitFor(
      'Prometheus to know its state for sure',
      async () => (await brokerStateOf(contextOf(2))).state === 3,
      60_000,
      1_000,
    )
    await lab.signalBroker(2, 'SIGSTOP')
    try {
      const fenced = async () =>
        (await contextOf(2).view()).brokers.some(({ id, fenced: out }) => id === 2 && out === true)
      await waitFor('the cluster to have fenced it', fenced, 30_000)
      expect(await hung(2)).toMatchObject({ verdict: 'pass', reason: expect.stringContaining('hangs') })
      await becomes(2, allPass)
      const seen = await kafkaApi.look({ deadline_ms: 1_000 }, contextOf(2))
      expect(seen).toMatchObject({ verdict: 'broken', reason: expect.stringContaining('it hangs') })
      // The others are not to be touched meanwhile.
      expect((await ask(availability, 1)).verdict).toBe('refuse')
      expect((await ask(quorum, 1)).verdict).toBe('refuse')
    } finally {
      await lab.signalBroker(2, 'SIGCONT')
    }
    await lab.waitHealed()
  }, 150_000)
})

describe('S-2.6 a broker that starts', () => {
  test('is starting for the guard and for the probe, however mute, and is never restarted', async () => {
    const { invocationId } = await unitOf(3)
    await lab.signalBroker(3, 'SIGKILL')
    expect(await hung(3, { servingInvocation: invocationId })).toMatchObject({
      verdict: 'refuse',
      reason: expect.stringContaining('dead'),
    })
    await lab.systemctl('start', '--no-block', lab.broker(3).unit)
    await waitFor('the unit to be active', async () => (await unitOf(3)).activeState === 'active')
    await lab.signalBroker(3, 'SIGSTOP')
    try {
      expect(await hung(3, { servingInvocation: invocationId })).toMatchObject({
        verdict: 'refuse',
        reason: expect.stringContaining('starting'),
      })
      expect(await ask(noRecovery, 3)).toMatchObject({ verdict: 'refuse' })
      const seen = await kafkaApi.look({ deadline_ms: 1_000 }, contextOf(3, { servingInvocation: invocationId }))
      expect(seen).toMatchObject({
        verdict: 'progressing',
        starting: true,
        reason: expect.stringContaining('it is starting'),
      })
    } finally {
      await lab.signalBroker(3, 'SIGCONT')
    }
    await lab.waitHealed()
  }, 120_000)
})

async function unitOf(id: number) {
  const { host, target, clock } = contextOf(id)
  const unit = await readUnit(host, target.unit, clock)
  if ('problem' in unit) throw new Error(unit.problem)
  return unit
}
