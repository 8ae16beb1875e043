import { join } from 'node:path'
import { type Lab, type Part, startLab } from '../lab/lab.ts'
import { waitFor } from '../lab/wait.ts'
import { deliver, deliveryOf, type TestAlert } from './alertmanager.ts'
import { type ApiView, incident, incidents } from './api.ts'
import { type RuleFile, writeRules } from './rules.ts'
import { type Service, type ServiceOptions, startService } from './service.ts'

/** Small units, sshd and a mail server, with kafka-healing in front: all real, no brokers. */
export interface SmallLab {
  readonly lab: Lab
  service: Service
  start(options?: Partial<ServiceOptions>): Promise<Service>
  /** An alert that names a small unit. */
  alertOf(unit: string, change?: Partial<TestAlert>): TestAlert
  post(alerts: readonly TestAlert[], change?: Readonly<Record<string, unknown>>): Promise<number>
  /** Waits until the unit's newest incident satisfies the condition. */
  stands(unit: string, accept: (view: ApiView) => boolean, deadlineMs?: number): Promise<ApiView>
  end(): Promise<void>
}

export async function startSmallLab(
  units: readonly string[],
  rules: RuleFile,
  more: readonly Part[] = [],
): Promise<SmallLab> {
  const lab = await startLab({ parts: ['ssh', 'mail', ...more] })
  await lab.addSmallUnits(units)
  writeRules(lab.healingFolder, rules)
  const config = join(lab.healingFolder, 'config.yml')
  const start = (options: Partial<ServiceOptions> = {}): Promise<Service> =>
    startService({ config, listen: `127.0.0.1:${lab.state.ports.healing}`, ...options })
  const small: SmallLab = {
    lab,
    service: await start().catch(async (error: unknown) => {
      await lab.down()
      throw error
    }),
    start,
    alertOf: (unit, change = {}) => ({
      labels: { alertname: 'SmallUnitDown', cluster: 'orders', exporter: unit },
      startsAt: Date.now(),
      ...change,
    }),
    post: (alerts, change) => deliver(() => small.service, deliveryOf(alerts, change), lab.webhookToken),
    stands: (unit, accept, deadlineMs = 60_000) => stands(small, unit, accept, deadlineMs),
    async end() {
      await small.service.stop()
      await lab.down()
    },
  }
  return small
}

async function stands(
  small: SmallLab,
  unit: string,
  accept: (view: ApiView) => boolean,
  deadlineMs: number,
): Promise<ApiView> {
  let last: unknown = null
  return waitFor(
    `the incident of ${unit}`,
    async () => {
      const newest = (await incidents(small.service, '?limit=1000'))
        .filter((one) => one.subject.endsWith(`/${unit}`))
        .toSorted((a, b) => b.id - a.id)[0]
      if (!newest) return undefined
      const view = await incident(small.service, newest.id)
      last = view.incident
      return accept(view) ? view : undefined
    },
    deadlineMs,
    100,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\nlast: ${JSON.stringify(last)}\n${small.service.output().slice(-6_000)}`)
  })
}

/** One rule for small units in mode act, with short times. */
export function smallRules(
  change: { readonly rule?: Record<string, unknown>; readonly runbook?: Record<string, unknown> } = {},
): RuleFile {
  return {
    rules: [
      {
        name: 'small-unit-down',
        match: ['alertname="SmallUnitDown"'],
        target: { exporter: 'from-labels' },
        mode: 'act',
        after: '0s',
        runbook: 'start-unit',
        firing: { source: 'webhook', max_age: '1h' },
        attempts: { max: 3, backoff: { initial: '1s', multiplier: 2, max: '2s' }, stable: '1s' },
        escalation: { to: ['kafka-oncall'], repeat: '4h' },
        ...change.rule,
      },
    ],
    runbooks: {
      'start-unit': {
        symptom: { unit: 'crashed' },
        rungs: [[{ systemd: { verb: 'start', limit: 10 } }]],
        verify: [{ probe: 'unit', within: '5s' }],
        ...change.runbook,
      },
    },
  }
}
