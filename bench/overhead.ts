import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { systemClock } from '../src/clock.ts'
import { type Lab, startLab } from '../test/lab/lab.ts'
import { waitFor } from '../test/lab/wait.ts'
import { deliveryOf } from '../test/support/alertmanager.ts'
import { metric } from '../test/support/api.ts'
import type { RuleFile } from '../test/support/rules.ts'
import { type Service, startService } from '../test/support/service.ts'
import { makeHome } from './home.ts'
import { against, aside, type Row } from './row.ts'
import { quantile } from './sample.ts'

const OPEN = 1_000
const PER_SECOND = 100
/** One delivery in so many names a new target and must be acted on; the others repeat what is open. */
const ACTS_EVERY = 20
const SECONDS = 20

/** When each stage of an incident was reached, in milliseconds since the epoch. */
interface Story {
  readonly accepted: number
  readonly checking: number
  readonly mayAct: number
  readonly started: number
}

/** How long our own work takes from the moment it may act until the step is started. */
export async function run(): Promise<readonly Row[]> {
  const acting = Math.ceil((PER_SECOND * SECONDS) / ACTS_EVERY)
  const exporters = [
    ...Array.from({ length: OPEN }, (_, n) => `open-${n}`),
    ...Array.from({ length: acting }, (_, n) => `act-${n}`),
  ]
  const lab = await startLab({ parts: [] })
  await crash(lab, acting)
  const broker = await startListener()
  const home = makeHome({ exporters, rules: rules(), unitOf, broker: (broker.address() as AddressInfo).port })
  try {
    const service = await startService({ config: home.config, env: { XDG_RUNTIME_DIR: lab.state.runtimeDir } })
    try {
      await openIncidents(service)
      await load(service)
      await waitFor('all attempts to end', async () => (await ended(service)) === acting, 60_000, 250)
      const stories = read(home.database, service.output())
      if (stories.length !== acting) throw new Error(`${stories.length} of ${acting} incidents started a step`)
      return rows(stories)
    } finally {
      await service.stop()
    }
  } finally {
    home.remove()
    broker.close()
    await lab.down()
  }
}

function rows(stories: readonly Story[]): readonly Row[] {
  const how = `${PER_SECOND} deliveries/s for ${SECONDS} s from this process, every ${ACTS_EVERY}th opens an incident that acts at once (\`after: 0s\`, local program), the others repeat ${OPEN.toLocaleString('en')} open ones; ${stories.length} incidents`
  const own = stories.map(({ mayAct, started }) => started - mayAct)
  const before = stories.map(({ accepted, checking }) => checking - accepted)
  const guards = stories.map(({ checking, mayAct }) => mayAct - checking)
  const step = (q: string) =>
    `${q} from the guards' answer (journal) to "step started" (log): decision stored, claim with the own guards, holds and step stored; ${how}`
  return [
    against({ name: 'may act → step started, p50', figure: quantile(own, 0.5), unit: 'ms', how: step('p50') }, '<', 15),
    against(
      { name: 'may act → step started, p99', figure: quantile(own, 0.99), unit: 'ms', how: step('p99') },
      '<',
      75,
    ),
    aside({ name: 'webhook accepted → guards begin, p50', figure: quantile(before, 0.5), unit: 'ms', how }),
    aside({ name: 'webhook accepted → guards begin, p99', figure: quantile(before, 0.99), unit: 'ms', how }),
    aside({
      name: 'guards, p50',
      figure: quantile(guards, 0.5),
      unit: 'ms',
      how: `apart: reading the unit twice from systemd is in it; ${how}`,
    }),
    aside({
      name: 'guards, p99',
      figure: quantile(guards, 0.99),
      unit: 'ms',
      how: `apart: reading the unit twice from systemd is in it; ${how}`,
    }),
  ]
}

function rules(): RuleFile {
  const rule = (name: string, change: Record<string, unknown>) => ({
    name,
    match: [`alertname="${name}"`],
    target: { exporter: 'from-labels' },
    runbook: 'run',
    firing: { source: 'webhook', max_age: '1h' },
    escalation: { to: ['kafka-oncall'] },
    ...change,
  })
  return {
    rules: [
      rule('open', { mode: 'inform', after: '1h' }),
      rule('act', { mode: 'act', after: '0s', attempts: { max: 3, stable: '15m' } }),
    ],
    runbooks: {
      run: {
        symptom: { unit: 'crashed' },
        rungs: [[{ program: { argv: ['/bin/true'], where: 'local' } }]],
        verify: [{ probe: 'program', argv: ['/bin/true'], where: 'local', within: '1m' }],
      },
    },
  }
}

function unitOf(exporter: string): string {
  return `crashed@${exporter}.service`
}

/** Units that have crashed, of a systemd of our own: without one, nothing may act. */
async function crash(lab: Lab, count: number): Promise<void> {
  const text = '[Service]\nType=exec\nExecStart=/bin/false\n'
  writeFileSync(join(lab.state.dir, 'xdg/systemd/user/crashed@.service'), text)
  await lab.systemctl('daemon-reload')
  await lab.systemctl('start', '--no-block', ...Array.from({ length: count }, (_, n) => unitOf(`act-${n}`)))
  await waitFor(
    'the units to crash',
    async () =>
      (await lab.systemctl('list-units', '--failed', '--plain', '--no-legend')).stdout.split('\n').length > count,
    60_000,
    250,
  )
}

/** Says what a live broker says to ApiVersions: where none answers, the prober is suspect and nothing is done. */
async function startListener(): Promise<Server> {
  const answer = Buffer.from('0000000a000001f4000000000000', 'hex')
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function alertOf(alertname: string, exporter: string, startsAt: number) {
  return { labels: { alertname, cluster: 'orders', exporter }, startsAt }
}

let startsAt = 0

async function openIncidents(service: Service): Promise<void> {
  startsAt = systemClock.now()
  const all = Array.from({ length: OPEN }, (_, n) => alertOf('open', `open-${n}`, startsAt))
  const answer = await service.post('/webhook', deliveryOf(all, { groupKey: '{}:{alertname="open"}' }))
  if (!answer.ok) throw new Error(`answered ${answer.status}`)
  await waitFor(
    'the open incidents',
    async () => (await metric(service, 'kafka_healing_incidents{state="waiting"}')) === OPEN,
    60_000,
    100,
  )
}

/** Keeps the pace whatever the answers take, as Alertmanagers do. */
async function load(service: Service): Promise<void> {
  const began = systemClock.monotonic()
  const answers: Promise<void>[] = []
  for (let n = 0; n < PER_SECOND * SECONDS; n += 1) {
    await systemClock.sleep(Math.max(0, began + (n * 1_000) / PER_SECOND - systemClock.monotonic()))
    const alert =
      n % ACTS_EVERY === 0
        ? alertOf('act', `act-${n / ACTS_EVERY}`, systemClock.now())
        : alertOf('open', `open-${n % OPEN}`, startsAt)
    const body = deliveryOf([alert], { groupKey: `{}:{exporter="${alert.labels.exporter}"}` })
    answers.push(
      service.post('/webhook', body).then(async (answer) => {
        await answer.arrayBuffer()
        if (!answer.ok) throw new Error(`answered ${answer.status}`)
      }),
    )
  }
  await Promise.all(answers)
}

async function ended(service: Service): Promise<number> {
  return metric(service, 'kafka_healing_attempts_total{rule="act",outcome="succeeded"}')
}

function read(database: string, output: string): readonly Story[] {
  const started = new Map<number, number>()
  for (const line of output.split('\n')) {
    if (!line.includes('step started')) continue
    const { incident, time } = JSON.parse(line) as { readonly incident: number; readonly time: number | string }
    started.set(incident, typeof time === 'number' ? time : Date.parse(time))
  }
  const db = new Database(database, { readonly: true })
  const found = db
    .prepare(
      `select i.id as incident,
         (select min(c.received_at) from incident_alerts a join alert_changes c on c.fingerprint = a.fingerprint
           where a.incident = i.id) as accepted,
         (select min(at) from journal where incident = i.id and state = 'checking') as checking,
         (select min(at) from journal where incident = i.id and state = 'attempting') as mayAct
       from incidents i where i.rule = 'act'`,
    )
    .all() as readonly (Omit<Story, 'started'> & { readonly incident: number })[]
  db.close()
  return found.flatMap(({ incident, ...story }) => {
    const at = started.get(incident)
    return at === undefined ? [] : [{ ...story, started: at }]
  })
}
