import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type Lab, startLab } from '../lab/lab.ts'
import { waitFor } from '../lab/wait.ts'
import { type ApiIncident, type ApiView, incident, incidents } from '../support/api.ts'
import { seeded } from '../support/random.ts'
import { quickRules, writeRules } from '../support/rules.ts'
import { type Service, startService } from '../support/service.ts'

const seed = Number(process.env['TORTURE_SEED'] ?? 20261121)
const random = seeded(seed)
/** From the alert to the broker in sync again takes about this long, in milliseconds; kills fall anywhere within. */
const A_HEAL_MS = 9_000
const KILLS_PER_BROKER = 2
let lab: Lab
let service: Service
let earlier = ''
let kills = 0

beforeAll(async () => {
  lab = await startLab({ sessionTimeoutMs: 3_000 })
  await lab.createTopic('orders')
  await countStarts()
  const { runbooks, ...rules } = quickRules()
  // A step of unknown outcome is judged after limit + 15 s: a short limit makes that bearable.
  const rungs = [[{ systemd: { verb: 'start', limit: 5 } }]]
  writeRules(lab.healingFolder, {
    ...rules,
    runbooks: { ...runbooks, 'start-broker': { ...runbooks['start-broker'], rungs } },
  })
  service = await start()
}, 180_000)

afterAll(async () => {
  await service?.stop()
  await lab?.down()
})

afterEach((context) => {
  if (context.task.result?.state === 'fail') console.error(`seed ${seed}`, earlier, service.output().slice(-20_000))
})

function start(): Promise<Service> {
  return startService({ config: join(lab.healingFolder, 'config.yml'), listen: `127.0.0.1:${lab.state.ports.healing}` })
}

/** Every start of a broker's unit writes a line on the target's side, before anything of the broker runs. */
async function countStarts(): Promise<void> {
  for (const { unit, id } of lab.state.brokers) {
    const folder = join(lab.state.dir, 'xdg/systemd/user', `${unit}.d`)
    mkdirSync(folder, { recursive: true })
    const line = `[Service]\nExecStartPre=/bin/sh -c 'echo started >> ${startsFile(id)}'\n`
    writeFileSync(join(folder, 'count.conf'), line)
  }
  await lab.systemctl('daemon-reload')
}

function startsFile(id: number): string {
  return join(lab.state.dir, `starts-${id}`)
}

function startsOf(id: number): number {
  const file = startsFile(id)
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0
}

async function kill(): Promise<void> {
  await service.kill()
  kills++
  earlier = (earlier + service.output()).slice(-20_000)
  service = await start()
}

async function of(id: number): Promise<readonly ApiIncident[]> {
  return (await incidents(service, '?limit=1000')).filter((one) => one.subject.endsWith(`/broker/${id}`))
}

/** Healed and closed, or a person's turn and that person told. */
function isOver(view: ApiView): boolean {
  if (view.incident.state === 'closed') return view.incident.outcome === 'healed'
  return view.incident.state === 'escalated' && view.escalations.every((row) => row.toldAt !== null)
}

it.each([1, 2, 3])(
  'S-4.2 broker %i is healed while kafka-healing is killed again and again: started no more often than attempts are on record',
  async (id) => {
    await lab.signalBroker(id, 'SIGKILL')
    // The first kill falls near the attempt, where most is under way; the others anywhere up to the end of the heal.
    await waitFor('the incident', async () => (await of(id))[0], 60_000)
    await pause(random() * 2_500)
    await kill()
    for (let more = 1; more < KILLS_PER_BROKER; more++) {
      await pause(random() * A_HEAL_MS)
      await kill()
    }

    const view = await waitFor(
      'the end of the incident',
      async () => {
        const [newest] = await of(id)
        const seen = newest && (await incident(service, newest.id))
        if (seen && isOver(seen)) return seen
        throw new Error(JSON.stringify(seen?.incident))
      },
      150_000,
      250,
    )
    await lab.waitHealed(90_000)
    expect(await of(id)).toHaveLength(1)
    expect(view.incident.outcome, JSON.stringify(view.incident)).toBe('healed')

    const begun = view.attempts.filter((attempt) => attempt.steps.length > 0)
    expect(startsOf(id)).toBeGreaterThanOrEqual(1)
    expect(startsOf(id)).toBeLessThanOrEqual(begun.length)
    const keys = view.attempts.flatMap((attempt) => attempt.steps.map((step) => step.key))
    expect(keys).toHaveLength(new Set(keys).size)
    expect(view.attempts.filter((attempt) => attempt.status === 'started')).toEqual([])
    await lab.waitMail((mail) => view.mails.some((one) => mail.raw.includes(one.messageId)), 60_000)
  },
  360_000,
)

it('no alert is missing, and what was told arrived once each', async () => {
  expect(kills).toBeGreaterThanOrEqual(5)
  const all = await incidents(service, '?limit=1000')
  expect(all.map((one) => one.subject).toSorted()).toEqual([1, 2, 3].map((id) => `orders/broker/${id}`))
  const { items } = (await service.get('/alerts')) as { items: readonly { labels: Record<string, string> }[] }
  const alerted = items.filter((alert) => alert.labels['alertname'] === 'KafkaBrokerDown')
  expect(alerted.map((alert) => alert.labels['broker_id']).toSorted()).toEqual(['1', '2', '3'])

  const views = await waitFor(
    'every mail to be sent',
    async () => {
      const seen = await Promise.all(all.map((one) => incident(service, one.id)))
      return seen.every((view) => view.mails.every((mail) => mail.state === 'sent')) ? seen : undefined
    },
    60_000,
  )
  const wanted = views.flatMap((view) => view.escalations.filter((row) => row.kind !== 'digest'))
  expect(wanted.filter((row) => row.toldAt === null)).toEqual([])
  const ids = [...new Set(views.flatMap((view) => view.mails.map((mail) => mail.messageId)))]
  const received = lab.mails().map((mail) => mail.raw)
  expect(ids.filter((id) => !received.some((raw) => raw.includes(id)))).toEqual([])
})
