import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { parse, stringify } from 'yaml'
import { type Lab, type LabOptions, startLab } from '../lab/lab.ts'
import { waitFor } from '../lab/wait.ts'
import { deliver, deliveryOf, type TestAlert } from './alertmanager.ts'
import { type ApiView, incident, incidents } from './api.ts'
import { readMail } from './mime.ts'
import { type RuleFile, writeRules } from './rules.ts'
import { type Service, startService } from './service.ts'

/**
 * Real brokers with a kafka-healing of its own before them. Prometheus is there for what brokers say of themselves;
 * Alertmanager is neither asked nor does it tell: alerts come from the test alone.
 */
export interface BrokerLab {
  readonly lab: Lab
  readonly service: Service
  /** Fires an alert that names a broker and answers with the id of the incident it opened. */
  fire(alertname: string, broker: number): Promise<number>
  /** Ends all alerts that were fired and waits until their incidents are closed. */
  resolveAll(): Promise<void>
  /** Waits until the incident satisfies the condition. */
  stands(id: number, accept: (view: ApiView) => boolean, deadlineMs?: number): Promise<ApiView>
  /** The texts of the mails that were sent for the incident. */
  mailsOf(view: ApiView): string
  /** Waits until the reason stands in the incident's trace and in a mail that was sent for it. */
  isTold(id: number, reason: RegExp, deadlineMs?: number): Promise<ApiView>
  /** Takes a changed inventory into force by a reload. */
  changeInventory(change: (cluster: Record<string, unknown>) => void): Promise<void>
  /** The invocation of the broker's unit: another one after every start. */
  invocation(broker: number): Promise<string>
}

export interface BrokerLabOptions extends LabOptions {
  readonly rules: RuleFile
  /** Done once, on the healthy cluster. */
  readonly prepare?: (lab: Lab) => Promise<void>
}

/** `no-recovery` believes no sample of Prometheus that may be of the process before: clocks may differ by 30 s. */
const OLD_ENOUGH_MS = 33_000

/**
 * One lab for the tests of a file. Each test gets a whole cluster and a service that knows nothing of the tests before:
 * budgets, storms and cooldowns are its own.
 */
export function useBrokerLab({ rules, prepare, ...options }: BrokerLabOptions): BrokerLab {
  let lab: Lab | null = null
  let service: Service | null = null
  let fired: TestAlert[] = []
  let startedAt = 0
  const theLab = (): Lab => lab ?? missing('the lab')
  const theService = (): Service => service ?? missing('the service')
  const configFile = (): string => join(theLab().healingFolder, 'config.yml')
  const inventoryFile = (): string => join(theLab().healingFolder, 'inventory.yml')
  let inventory = ''

  beforeAll(async () => {
    lab = await startLab({
      parts: ['kafka', 'ssh', 'mail', 'monitoring'],
      alerts: false,
      sessionTimeoutMs: 3_000,
      ...options,
    })
    startedAt = performance.now()
    await prepare?.(lab)
    writeRules(lab.healingFolder, rules)
    const { alertmanagers: _none, ...config } = parse(readFileSync(configFile(), 'utf8')) as Record<string, unknown>
    writeFileSync(configFile(), stringify(config))
    inventory = readFileSync(inventoryFile(), 'utf8')
    await waitFor('samples that no-recovery believes', () => performance.now() - startedAt > OLD_ENOUGH_MS, 60_000, 250)
  }, 240_000)

  beforeEach(async (context) => {
    fired = []
    await theLab().waitHealed(90_000)
    writeFileSync(inventoryFile(), inventory)
    rmSync(join(theLab().healingFolder, 'data'), { recursive: true, force: true })
    service = await startService({ config: configFile() })
    context.onTestFinished(async ({ task }) => {
      if (task.result?.state === 'fail') await tellAll()
      await service?.stop()
      for (const { unit } of theLab().state.brokers) {
        await theLab().systemctl('kill', '-s', 'SIGCONT', unit)
        await theLab().systemctl('start', unit)
      }
    })
  }, 120_000)

  afterAll(() => lab?.down(), 60_000)

  async function tellAll(): Promise<void> {
    for (const { id } of await all()) {
      const view = await incident(theService(), id)
      const { rule, subject, state, reason, outcome } = view.incident
      console.error({ id, rule, subject, state, reason, outcome }, moves(view), objections(view))
    }
    console.error(theService().output().slice(-10_000))
  }

  const all = () => incidents(theService(), '?limit=1000')

  const post = (alerts: readonly TestAlert[]) => deliver(theService, deliveryOf(alerts), theLab().webhookToken)

  const self: BrokerLab = {
    get lab() {
      return theLab()
    },
    get service() {
      return theService()
    },
    async fire(alertname, broker) {
      const last = Math.max(0, ...(await all()).map(({ id }) => id))
      const alert = { labels: { alertname, cluster: 'orders', broker_id: String(broker) }, startsAt: Date.now() }
      fired.push(alert)
      await post([alert])
      return waitFor('the incident', async () => (await all()).find(({ id }) => id > last)?.id, 15_000)
    },
    async resolveAll() {
      await post(fired.map((alert) => ({ ...alert, status: 'resolved' as const })))
      for (const { id } of await all()) await self.stands(id, (view) => view.incident.state === 'closed', 90_000)
    },
    async stands(id, accept, deadlineMs = 60_000) {
      let seen: ApiView | null = null
      return waitFor(
        `incident ${id}`,
        async () => {
          seen = await incident(theService(), id)
          return accept(seen) ? seen : undefined
        },
        deadlineMs,
        100,
      ).catch((error: unknown) => {
        const last = seen && { ...seen.incident, objections: objections(seen), mails: self.mailsOf(seen) }
        throw new Error(`${String(error)}\n${JSON.stringify(last, null, 1)}`)
      })
    },
    mailsOf(view) {
      const ids = view.mails.map(({ messageId }) => messageId)
      const mine = theLab()
        .mails()
        .filter(({ raw }) => ids.some((id) => raw.includes(id)))
      return mine.map(({ raw }) => readMail(raw).text).join('\n')
    },
    async isTold(id, reason, deadlineMs = 45_000) {
      return self.stands(
        id,
        (view) => trace(view).some((line) => reason.test(line)) && reason.test(self.mailsOf(view)),
        deadlineMs,
      )
    },
    async changeInventory(change) {
      const file = parse(readFileSync(inventoryFile(), 'utf8')) as { clusters: { orders: Record<string, unknown> } }
      change(file.clusters.orders)
      writeFileSync(inventoryFile(), stringify(file))
      const answer = await theService().post('/-/reload', {})
      if (!answer.ok) throw new Error(`the inventory is not taken: ${await answer.text()}`)
    },
    async invocation(broker) {
      return (await theLab().unit(theLab().broker(broker).unit))['InvocationID'] ?? ''
    },
  }
  return self
}

/** Everything that was decided and why, one line each. */
export function trace(view: ApiView): readonly string[] {
  return view.decisions.flatMap((decision) => [
    `${decision.guard} ${decision.verdict}: ${decision.reason}`,
    ...decision.results.map(({ guard, verdict, reason }) => `${guard} ${verdict}: ${reason}`),
  ])
}

function objections(view: ApiView): readonly string[] {
  return [...new Set(trace(view).filter((line) => !/^\S+ pass: /.test(line)))]
}

/** The journal where it moved. */
function moves({ journal }: ApiView): readonly string[] {
  const said = journal.map(({ at, state, reason, event }) => ({ at, what: `${state}, ${reason} by ${event.type}` }))
  return said.filter(({ what }, index) => what !== said[index - 2]?.what).map(({ at, what }) => `${at} ${what}`)
}

/** Verified, whether it is still watched or already over. */
export function isHealed({ incident: { state, outcome } }: ApiView): boolean {
  return state === 'probation' || outcome === 'healed'
}

/** Nothing was run: no attempt spent, no step begun. */
export function ranNothing(view: ApiView): boolean {
  return view.incident.attempts === 0 && view.attempts.every(({ steps }) => steps.length === 0)
}

function missing(what: string): never {
  throw new Error(`${what} is not up`)
}
