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
/** Most is under way right after the incident was opened; from there to in sync again takes some ten seconds. */
const AT_FIRST_MS = 2_500
const A_HEAL_MS = 9_000
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

/** Healed and closed, or a person's turn; and that was told. */
function isOver({ incident: { state, outcome }, escalations }: ApiView): boolean {
  const ended = state === 'escalated' || (state === 'closed' && outcome === 'healed')
  return ended && escalations.every(({ toldAt }) => toldAt !== null)
}

/** Any moment of what goes on, by the seed. */
const within = (ms: number) => async () => pause(random() * ms)

/** The step that starts the broker is on record, and what came of it is not. */
async function whileTheStepRuns(id: number): Promise<void> {
  const begun = async () => {
    const [newest] = await of(id)
    if (newest === undefined) return false
    const { attempts } = await incident(service, newest.id)
    return attempts.some((attempt) => attempt.steps.some((step) => step.finishedAt === null))
  }
  await waitFor('the step to begin', begun, 60_000, 10)
}

it.each([
  [1, [whileTheStepRuns, within(A_HEAL_MS)]],
  [2, [within(AT_FIRST_MS), within(A_HEAL_MS)]],
  [3, [within(AT_FIRST_MS), within(A_HEAL_MS)]],
] as const)(
  'S-4.2 broker %i is healed while kafka-healing is killed again and again: started no more often than attempts are on record',
  async (id, moments) => {
    await lab.signalBroker(id, 'SIGKILL')
    await waitFor('the incident', async () => (await of(id))[0], 60_000)
    for (const moment of moments) {
      await moment(id)
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
    console.info(`broker ${id}: ${JSON.stringify(view.attempts.map(({ status, reason }) => [status, reason]))}`)
    expect(await of(id)).toHaveLength(1)
    const begun = view.attempts.filter((attempt) => attempt.steps.length > 0)
    expect(startsOf(id)).toBeLessThanOrEqual(begun.length)
    if (view.incident.outcome === 'healed') expect(startsOf(id)).toBeGreaterThanOrEqual(1)
    // A person who was told does what is left to do.
    if (view.incident.state === 'escalated') await lab.systemctl('start', lab.broker(id).unit)
    await lab.waitHealed(90_000)
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
  expect(alerted.map((alert) => alert.labels['broker_id'] ?? '').toSorted()).toEqual(['1', '2', '3'])

  const views = await waitFor(
    'every mail to be sent',
    async () => {
      const seen = await Promise.all(all.map((one) => incident(service, one.id)))
      return seen.every((view) => view.mails.every((mail) => mail.state === 'sent')) ? seen : undefined
    },
    60_000,
  )
  expect(views.flatMap((view) => view.escalations).filter((row) => row.toldAt === null)).toEqual([])
  const attempts = views.flatMap((view) => view.attempts)
  expect(
    attempts.some((attempt) => attempt.status === 'interrupted'),
    'no kill hit an attempt',
  ).toBe(true)
  expect(views.filter((view) => view.incident.outcome === 'healed').length).toBeGreaterThanOrEqual(2)
  const ids = [...new Set(views.flatMap((view) => view.mails.map((mail) => mail.messageId)))]
  const received = lab.mails().map((mail) => mail.raw)
  expect(ids.filter((id) => !received.some((raw) => raw.includes(id)))).toEqual([])
})
