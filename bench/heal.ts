import { systemClock } from '../src/clock.ts'
import { askLiveness } from '../src/kafka/liveness.ts'
import { type Lab, startLab } from '../test/lab/lab.ts'
import { waitFor } from '../test/lab/wait.ts'
import { incident, incidents } from '../test/support/api.ts'
import { quickRules, writeRules } from '../test/support/rules.ts'
import { type Service, startService } from '../test/support/service.ts'
import { against, aside, type Row } from './row.ts'
import { median } from './sample.ts'

const ROUNDS = 3
/** Time between two kills, in milliseconds: the old session must be over (lab measurements). */
const CALM_MS = 10_000

/** Seconds after the kill. */
interface Timeline {
  readonly webhook: number
  readonly guards: number
  readonly stepStarted: number
  readonly stepDone: number
  readonly answers: number
  readonly inSync: number
  readonly resolved: number
  readonly ownShare: number
}

/** A broker of a real three-broker cluster is killed; 1 s scrape, Kafka's default session of 9 s, `after: 0s`. */
export async function run(): Promise<readonly Row[]> {
  const lab = await startLab({ sessionTimeoutMs: 9_000, scrapeIntervalSeconds: 1 })
  try {
    await lab.createTopic('orders')
    writeRules(lab.healingFolder, quickRules())
    const service = await startService({
      config: `${lab.healingFolder}/config.yml`,
      listen: `127.0.0.1:${lab.state.ports.healing}`,
    })
    try {
      const lines: Timeline[] = []
      for (let round = 0; round < ROUNDS; round += 1) {
        if (round > 0) await systemClock.sleep(CALM_MS)
        lines.push(await heal(lab, service, 1 + (round % 3)))
      }
      return rows(lines)
    } finally {
      await service.stop()
    }
  } finally {
    await lab.down()
  }
}

function rows(lines: readonly Timeline[]): readonly Row[] {
  const how = `three real KRaft brokers, monitoring at a 1 s scrape, SSH; median of ${ROUNDS} kills of different brokers`
  const of = (field: keyof Timeline): number => median(lines.map((line) => line[field]))
  const at = (name: string, field: keyof Timeline, what: string): Row =>
    aside({ name: `heal: kill → ${name}`, figure: of(field), unit: 's', how: `${what}; ${how}` })
  return [
    at('webhook stored', 'webhook', 'without us: 0.3–1.0 s on a calm machine'),
    at('guards passed', 'guards', 'unit, cluster and Alertmanager asked'),
    at('step started', 'stepStarted', 'committed, then sent'),
    at('step done', 'stepDone', 'systemctl start came back and no job is queued'),
    at(
      'broker answers',
      'answers',
      'ApiVersions, asked every 20 ms; with a start at once and without us: 8.5–9.1 s on a calm machine',
    ),
    at('verified in sync', 'inSync', 'our own probes said healed, probation began'),
    at('alert resolved', 'resolved', 'all alerts of the incident, as the webhook told'),
    against(
      {
        name: 'heal: our own share',
        figure: of('ownShare'),
        unit: 's',
        how: `from the webhook to the step, and from the moment every partition was in sync (looked at directly, every 50 ms) to our own verdict: healed − detected − the broker's own start; ${how}`,
      },
      '<',
      1,
    ),
  ]
}

async function heal(lab: Lab, service: Service, broker: number): Promise<Timeline> {
  const before = (await incidents(service))[0]?.id ?? 0
  const { port } = lab.broker(broker)
  const killed = systemClock.now()
  await lab.signalBroker(broker, 'SIGKILL')
  const serves = async (): Promise<boolean> =>
    (await askLiveness({ host: '127.0.0.1', port }, { clock: systemClock })).state === 'serving'
  await waitFor('the broker to be gone', async () => !(await serves()), 10_000, 20)
  await waitFor('the broker to answer', serves, 60_000, 20)
  const answers = systemClock.now()
  await lab.waitHealed()
  const inSync = systemClock.now()
  const view = await waitFor(
    'the incident to close',
    async () => {
      const found = (await incidents(service)).find(({ id, rule }) => id > before && rule === 'broker-down')
      const seen = found && (await incident(service, found.id))
      return seen?.incident.state === 'closed' && seen
    },
    120_000,
    250,
  )
  const attempt = view.attempts[0]
  const step = attempt?.steps[0]
  if (view.attempts.length !== 1 || view.incident.outcome !== 'healed') throw new Error('it took more than one attempt')
  const entered = (type: string, state?: string): number => {
    const row = view.journal.find((one) => one.event.type === type && (state === undefined || one.state === state))
    return Date.parse(row?.at ?? '')
  }
  const webhook = entered('opened')
  const started = Date.parse(step?.startedAt ?? '')
  const verified = entered('looked', 'probation')
  const since = (at: number): number => (at - killed) / 1_000
  return {
    webhook: since(webhook),
    guards: since(entered('guardsEvaluated', 'attempting')),
    stepStarted: since(started),
    stepDone: since(Date.parse(step?.finishedAt ?? '')),
    answers: since(answers),
    inSync: since(verified),
    resolved: since(entered('alertResolved')),
    ownShare: (started - webhook + Math.max(0, verified - inSync)) / 1_000,
  }
}
