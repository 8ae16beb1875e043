import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import type { PostgresOptions } from '../../src/store/postgres.ts'
import { type Lab, startLab } from '../lab/lab.ts'
import { waitFor } from '../lab/wait.ts'
import { deliver, deliveryOf } from '../support/alertmanager.ts'
import { type ApiView, incident, incidents } from '../support/api.ts'
import { noPostgres, type Postgres, startPostgres } from '../support/postgres.ts'
import { writeRules } from '../support/rules.ts'
import { type Service, startService } from '../support/service.ts'
import { smallRules } from '../support/small-lab.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

const missing = noPostgres()
const step = join(import.meta.dirname, '../torture/step.sh')
const UNITS = 60

/** Several kafka-healings on one PostgreSQL, healing small units: all real, no brokers. */
describe.skipIf(missing !== null)(`replicas${missing === null ? '' : ` (${missing})`}`, { timeout: 240_000 }, () => {
  let lab: Lab
  let server: Postgres
  let database: PostgresOptions
  let log: string
  const running = new Set<Service>()
  const frozen = new Set<Service>()
  const proxies = new Set<TcpProxy>()

  beforeAll(async () => {
    lab = await startLab({ parts: ['ssh', 'mail'] })
    server = await startPostgres()
    await lab.addSmallUnits(Array.from({ length: UNITS }, (_, n) => `tiny-${n + 1}`))
  })
  afterAll(async () => {
    await server?.end()
    await lab?.down()
  })
  afterEach(async () => {
    for (const service of running) expect(service.output()).not.toContain(database.password)
    for (const service of frozen) process.kill(service.pid, 'SIGCONT')
    frozen.clear()
    for (const service of running) await service.kill()
    running.clear()
    for (const proxy of proxies) await proxy.close()
    proxies.clear()
  })

  let tests = 0
  /** A database of its own, and rules whose steps count themselves and last `seconds`. */
  async function begin(seconds: number, change: Readonly<Record<string, unknown>> = {}): Promise<void> {
    database = await server.database()
    log = join(lab.state.dir, `steps-${++tests}.log`)
    const note = {
      program: { argv: [step, log, String(seconds)], where: 'target', limit: Math.ceil(seconds) + 4, repeatable: true },
    }
    // Units are healed by one database after another: for each, those before it are somebody else.
    const guards = [{ 'human-first': { look_back_minutes: 0 } }]
    const rungs = [[note, { systemd: { verb: 'start', limit: 5 } }]]
    writeRules(lab.healingFolder, smallRules({ rule: change, runbook: { rungs, guards } }))
    writeFileSync(join(lab.healingFolder, 'db-password'), `${database.password}\n`)
  }

  async function replica(port = database.port): Promise<Service> {
    const file = join(lab.healingFolder, 'config.yml')
    const url = `postgres://${database.user}@127.0.0.1:${port}/${database.database}`
    const config = { ...(parse(readFileSync(file, 'utf8')) as object), database: { url, password_file: 'db-password' } }
    const mine = join(lab.healingFolder, `config-${port}.yml`)
    writeFileSync(mine, stringify(config))
    const service = await startService({ config: mine })
    running.add(service)
    return service
  }

  async function proxied(): Promise<TcpProxy> {
    const proxy = await startTcpProxy(database.port)
    proxies.add(proxy)
    return proxy
  }

  /** The unit dies, and its alert is posted until somebody takes it. */
  async function fail(unit: number, to: () => Service): Promise<void> {
    await lab.signalUnit(`tiny-${unit}.service`, 'SIGKILL')
    const labels = { alertname: 'SmallUnitDown', cluster: 'orders', exporter: `tiny-${unit}` }
    await deliver(to, deliveryOf([{ labels, startsAt: Date.now() }]), lab.webhookToken)
  }

  async function views(service: Service): Promise<readonly ApiView[]> {
    const all = await incidents(service, '?limit=1000')
    return Promise.all(all.map((one) => incident(service, one.id)))
  }

  /** All incidents are healed, and all that people are to be told has been sent. */
  async function healed(service: Service, count: number, deadlineMs: number): Promise<readonly ApiView[]> {
    return waitFor(
      `${count} healed incidents`,
      async () => {
        const all = await views(service)
        const done = all.filter(
          ({ incident: { state, outcome }, escalations, mails }) =>
            (state === 'settled' || state === 'closed') &&
            outcome === 'healed' &&
            escalations.every((row) => row.toldAt !== null) &&
            mails.every((mail) => mail.state === 'sent'),
        )
        if (done.length === count && all.length === count) return all
        const left = all.filter((view) => !done.includes(view))
        throw new Error(
          `${done.length} of ${all.length}: ${JSON.stringify(left.map((view) => [view.incident.id, view.incident.state, view.incident.reason, view.incident.detail])).slice(0, 2_000)}`,
        )
      },
      deadlineMs,
      300,
    )
  }

  const lines = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').filter(Boolean) : [])
  const begun = () => lines().flatMap((line) => (line.startsWith('begin ') ? [line.slice(6)] : []))

  /** What the targets saw: no step twice, none beside another one on its target, and each on record. */
  function expectOnce(all: readonly ApiView[]): void {
    const keys = begun()
    expect(keys.length).toBe(new Set(keys).size)
    expect(lines().filter((line) => line.startsWith('overlap'))).toEqual([])
    const recorded = new Set(
      all.flatMap(({ attempts }) => attempts.flatMap(({ steps }) => steps.map(({ key }) => key))),
    )
    expect(keys.filter((key) => !recorded.has(key))).toEqual([])
  }

  const worked = (service: Service) => service.output().split('"step started"').length - 1
  /** Who runs the steps of whom: by the log of each service. */
  const runs = (service: Service, key: string) => service.output().includes(`"key":"${key}"`)

  it('three share the work: each step runs exactly once, each mail leaves exactly once (S-4.2, S-6.3)', async () => {
    await begin(0.2, { escalation: { to: ['kafka-oncall'], tell_by: '1s' }, after: '2s' })
    const all = await Promise.all([replica(), replica(), replica()])
    const before = lab.mails().length
    for (let n = 1; n <= UNITS; n++) await fail(n, () => all[n % 3] as Service)
    const seen = await healed(all[0], UNITS, 180_000)
    expectOnce(seen)
    expect(seen.flatMap(({ attempts }) => attempts)).toHaveLength(UNITS)
    for (const service of all) expect(worked(service)).toBeGreaterThan(0)
    expect(seen.every(({ escalations }) => escalations.length > 0)).toBe(true)
    const received = lab.mails().slice(before)
    const sent = received.map(({ raw, to }) => `${/^Message-ID: (.*)$/im.exec(raw)?.[1]} ${to.join()}`)
    expect(sent.length).toBe(new Set(sent).size)
    for (const { messageId } of seen.flatMap(({ mails }) => mails))
      expect(received.filter(({ raw }) => raw.includes(`Message-ID: ${messageId}`))).toHaveLength(1)
  })

  it('one killed, one frozen past its lease: what they ran is judged after the lease, and nothing is run twice (S-4.1, S-4.4, S-4.5)', async () => {
    await begin(8)
    const killed = await replica()
    await fail(1, () => killed)
    const ofKilled = await waitFor('its step to run', () => begun()[0], 20_000)
    expect(runs(killed, ofKilled)).toBe(true)
    // What is its own is not known of one that is dead: all later work is another's.
    await killed.kill()
    const late = await replica()
    await fail(2, () => late)
    const ofLate = await waitFor('its step to run', () => begun()[1], 20_000)
    process.kill(late.pid, 'SIGSTOP')
    frozen.add(late)
    const living = await replica()
    await fail(3, () => living)
    const interrupted = await waitFor(
      'both attempts to be interrupted',
      async () => {
        const all = await views(living)
        const [one, two] = [ofKilled, ofLate].map((key) => all.find(({ incident: { id } }) => key.startsWith(`${id}.`)))
        const both = one?.attempts[0]?.status === 'interrupted' && two?.attempts[0]?.status === 'interrupted'
        return both && one && two ? [one, two] : undefined
      },
      90_000,
      500,
    )
    for (const { attempts } of interrupted) expect(attempts[0]?.reason).toContain('was running when the process ended')
    process.kill(late.pid, 'SIGCONT')
    frozen.delete(late)
    const seen = await healed(living, 3, 90_000)
    expectOnce(seen)
    const two = seen.find(({ incident: { id } }) => ofLate.startsWith(`${id}.`))
    // The late result is dropped, and the start that would have come after it was never sent.
    expect(two?.attempts.map(({ status }) => status)).toEqual(['interrupted', 'succeeded'])
    expect(two?.attempts[0]?.steps).toMatchObject([{ result: null }])
    expect(
      seen.find(({ incident: { id } }) => !ofLate.startsWith(`${id}.`) && !ofKilled.startsWith(`${id}.`)),
    ).toMatchObject({
      attempts: [{ status: 'succeeded' }],
    })
    // It takes part again.
    expect((await fetch(`${late.url}/-/ready`)).status).toBe(200)
    await fail(4, () => late)
    expectOnce(await healed(late, 4, 60_000))
  })

  it('one cut off from the database refuses alerts and hinders nobody; back again it goes on (S-4.5)', async () => {
    await begin(0.2)
    const proxy = await proxied()
    const [cut, other] = [await replica(proxy.port), await replica()]
    let expected = 0
    for (const fault of ['refuse', 'drop'] as const) {
      await fail(++expected, () => cut)
      proxy.set(fault)
      const labels = { alertname: 'SmallUnitDown', cluster: 'orders', exporter: 'tiny-20' }
      const token = { authorization: `Bearer ${lab.webhookToken}` }
      const answer = await cut.post('/webhook', deliveryOf([{ labels, startsAt: Date.now() }]), token)
      expect(answer.status).toBe(503)
      for (let n = 0; n < 3; n++) await fail(++expected, () => other)
      await healedOrRunning(other, expected - 1)
      proxy.set('pass')
      await fail(++expected, () => cut)
      expectOnce(await healed(other, expected, 60_000))
    }
    expect((await fetch(`${cut.url}/-/ready`)).status).toBe(200)

    /** The first one may be in the hands of the one that is cut off. */
    async function healedOrRunning(service: Service, most: number): Promise<void> {
      await waitFor(
        'the others to be healed',
        async () => {
          const all = await views(service)
          const done = all.filter(({ incident: { outcome } }) => outcome === 'healed')
          return done.length >= most
        },
        60_000,
        300,
      )
    }
  })

  it('each replaced by a new one in turn, nothing is lost (S-4.8)', async () => {
    await begin(0.5)
    const generation = [await replica(), await replica()]
    let at = generation[0] as Service
    let unit = 0
    for (const old of generation) {
      for (let n = 0; n < 4; n++) await fail(++unit, () => at)
      const next = await replica()
      at = next
      const ended = old.stop()
      for (let n = 0; n < 3; n++) await fail(++unit, () => next)
      expect(await ended).toBe(0)
      running.delete(old)
    }
    const seen = await healed(at, unit, 120_000)
    expectOnce(seen)
    expect(
      seen.flatMap(({ attempts }) => attempts.map(({ status }) => status)).filter((s) => s === 'interrupted'),
    ).toEqual([])
  })

  it('the database itself is away during the work: alerts are answered 503, then all goes on', async () => {
    await begin(2)
    const both = [await replica(), await replica()] as const
    for (let n = 1; n <= 4; n++) await fail(n, () => both[n % 2] as Service)
    await waitFor('steps to run', () => begun().length >= 2, 30_000)
    await server.stop('immediate')
    const labels = { alertname: 'SmallUnitDown', cluster: 'orders', exporter: 'tiny-5' }
    const alert = deliveryOf([{ labels, startsAt: Date.now() }])
    const answer = await both[0].post('/webhook', alert, { authorization: `Bearer ${lab.webhookToken}` })
    expect(answer.status).toBe(503)
    expect((await fetch(`${both[1].url}/-/ready`)).status).toBe(503)
    await server.start()
    await fail(5, () => both[0])
    const seen = await healed(both[1], 5, 120_000)
    expectOnce(seen)
  })
})
