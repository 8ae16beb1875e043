import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import type { Plan } from '../../src/incident/plan.ts'
import { waitFor } from '../lab/wait.ts'
import { deliveryOf } from '../support/alertmanager.ts'
import { incidents } from '../support/api.ts'
import { git } from '../support/git.ts'
import { heapEnv, heldBy } from '../support/heap.ts'
import type { RuleFile } from '../support/rules.ts'
import { type SmallLab, smallRules, startSmallLab } from '../support/small-lab.ts'

const RELOADS = 1_000
/** From here on nothing may grow. */
const WARM = 300
const UNITS = Array.from({ length: 8 }, (_, index) => `tiny-${index + 1}`)
const CRASHES = RELOADS / UNITS.length
/** Deliveries under way beside each reload. */
const POSTS = 2
/** Alerts of the load that fire at a time. */
const FIRING = 60

let small: SmallLab
let heapFile = ''

/** The rules of which every plan says in three places which number they have. */
function rulesOf(number: number): RuleFile {
  const { rules, runbooks } = smallRules({
    rule: { escalation: { to: ['kafka-oncall'], repeat: `${number}h` } },
    runbook: {
      url: `https://runbooks.example.org/${number}`,
      rungs: [[{ systemd: { verb: 'start', limit: 100 + number } }]],
    },
  })
  const inform = { ...rules[0], mode: 'inform', after: '1h' }
  // As many as make a configuration that nobody may keep.
  const others = Array.from({ length: 6 }, (_, index) => ({
    ...inform,
    name: `other-${index}`,
    match: [`alertname="Other${index}"`],
  }))
  return { rules: [...rules, { ...inform, name: 'load', match: ['alertname="Load"'] }, ...others], runbooks }
}

/** Without anchors for what two rules share: each would be looked for in the whole file. */
const yamlOf = (rules: RuleFile): string => stringify(rules, { aliasDuplicateObjects: false })

const numberOf = ({ runbook }: Plan): number => Number(/\d+$/.exec(runbook.url ?? '')?.[0])

beforeAll(async () => {
  small = await startSmallLab(UNITS, rulesOf(0))
  await small.service.stop()
  const { healingFolder } = small.lab
  const config = join(healingFolder, 'config.yml')
  const written = parse(readFileSync(config, 'utf8')) as object
  writeFileSync(config, stringify({ ...written, reload: { watch: true, debounce: '500ms' } }))
  git(healingFolder, 'init', '--quiet', '--initial-branch=even')
  git(healingFolder, 'add', 'config.yml', 'inventory.yml', 'rules')
  git(healingFolder, 'commit', '--quiet', '--message', 'even')
  git(healingFolder, 'checkout', '--quiet', '-b', 'odd')
  writeFileSync(join(healingFolder, 'rules', 'kafka.yml'), yamlOf(rulesOf(1)))
  git(healingFolder, 'commit', '--quiet', '--all', '--message', 'odd')
  heapFile = join(small.lab.state.dir, 'heap.json')
  small.service = await small.start({ env: heapEnv(heapFile) })
}, 120_000)
afterAll(() => small?.end())

/** When a revision was in force, at the most. */
interface Span {
  readonly revision: string
  readonly number: number
  readonly from: number
  to: number
}

/** What the webhook was sent beside the reloads, and what became of it. */
class Load {
  readonly fired: string[] = []
  readonly failed: string[] = []
  readonly #startsAt = Date.now()

  /** A new alert begins to fire, and one that was posted before is resolved. */
  async post(): Promise<void> {
    const alert = (number: number) => ({ alertname: 'Load', cluster: 'orders', exporter: `load-${number}` })
    const number = this.fired.push(`load-${this.fired.length}`) - 1
    const body = deliveryOf([
      { labels: alert(number), startsAt: this.#startsAt },
      ...(number < FIRING
        ? []
        : [{ labels: alert(number - FIRING), startsAt: this.#startsAt, status: 'resolved' as const }]),
    ])
    const answer = await small.service
      .post('/webhook', body, { authorization: `Bearer ${small.lab.webhookToken}` })
      .then(
        ({ status }) => status,
        (error: unknown) => error,
      )
    if (answer !== 200) this.failed.push(`delivery ${number}: ${String(answer)}`)
  }
}

it('1,000 reloads under a load of webhooks: no request fails, no incident sees two revisions, memory stays flat', async () => {
  const { service, lab } = small
  const rules = join(lab.healingFolder, 'rules', 'kafka.yml')
  const status = async () => (await service.get('/status')) as { readonly configuration: { readonly revision: string } }
  const spans: Span[] = [
    { revision: (await status()).configuration.revision, number: 1, from: 0, to: Number.POSITIVE_INFINITY },
  ]
  const failed: string[] = []
  const load = new Load()

  const reload = async (): Promise<{ readonly status: number; readonly revision: string }> => {
    const answer = await service.post('/-/reload', {})
    const { revision = '' } = (await answer.json()) as { readonly revision?: string }
    return { status: answer.status, revision }
  }
  async function take(number: number, write: () => void): Promise<void> {
    const from = Date.now()
    write()
    const { status, revision } = await reload()
    if (status !== 200) return void failed.push(`reload ${number}: ${status}`)
    const before = spans.at(-1)
    if (before) before.to = Date.now()
    spans.push({ revision, number, from, to: Number.POSITIVE_INFINITY })
  }

  let warm = await heldBy(service.pid, heapFile)
  for (let number = 2; number < RELOADS + 2; number += 1) {
    if (number % CRASHES === 3) await crash(UNITS[Math.floor(number / CRASHES)] ?? '')
    if (number === WARM) warm = await heldBy(service.pid, heapFile)
    const posts = Array.from({ length: POSTS }, () => load.post())
    if (number % 10 === 9) {
      // All or nothing: the last good one stays.
      writeFileSync(rules, `${yamlOf(rulesOf(number))}nonsense: true\n`)
      const { status } = await reload()
      if (status !== 422) failed.push(`broken reload ${number}: ${status}`)
    } else if (number % 20 === 0) {
      const branch = number % 40 === 0 ? 'even' : 'odd'
      await take(branch === 'even' ? 0 : 1, () => git(lab.healingFolder, 'checkout', '--quiet', '--force', branch))
    } else if (number % 25 === 1) {
      process.kill(service.pid, 'SIGHUP')
      await Promise.all([reload(), reload(), reload()])
    } else if (number % 2 === 0) {
      await take(number, () => writeFileSync(rules, yamlOf(rulesOf(number))))
    } else {
      await take(number, () => {
        writeFileSync(`${rules}~`, yamlOf(rulesOf(number)))
        renameSync(`${rules}~`, rules)
      })
    }
    await Promise.all(posts)
  }
  expect([...failed, ...load.failed]).toEqual([])
  await waitFor('every crashed unit to be healed', healed, 60_000, 250)
  const held = await heldBy(service.pid, heapFile)

  const readings = service.output().match(/"msg":"configuration (?:in force|refused)/g) ?? []
  expect(readings.length).toBeGreaterThanOrEqual(RELOADS)
  const last = spans.at(-1)?.revision
  expect(await status()).toMatchObject({
    configuration: { revision: last, applied: true, watched: true, lastReloadSuccessful: true, problems: [] },
  })
  const info = (await service.text('/metrics')).match(/^kafka_healing_config_info\{.*$/gm)
  expect(info).toEqual([expect.stringContaining(`revision="${last}"`)])

  expect(held.heapUsed - warm.heapUsed).toBeLessThan(10 * 1024 ** 2)
  expect(held.rss - warm.rss).toBeLessThan(128 * 1024 ** 2)
  // Idle connections come and go; one that stays with each reload would be hundreds.
  expect(held.files - warm.files).toBeLessThanOrEqual(20)
  expect(held.handles - warm.handles).toBeLessThanOrEqual(20)

  // Nobody asks for this one.
  writeFileSync(rules, yamlOf(rulesOf(RELOADS + 10)))
  await waitFor('the watch', async () => (await status()).configuration.revision !== last, 20_000)

  await service.stop()
  judge(spans, load.fired)
}, 180_000)

async function crash(unit: string): Promise<void> {
  await small.lab.signalUnit(`${unit}.service`, 'SIGKILL')
  await small.post([small.alertOf(unit)])
}

async function healed(): Promise<boolean> {
  const own = (await incidents(small.service, '?rule=small-unit-down&limit=100')).filter(({ attempts }) => attempts > 0)
  const well = own.filter(({ state }) => state === 'probation' || state === 'settled' || state === 'closed')
  if (well.length === UNITS.length) return true
  throw new Error(JSON.stringify(own.map(({ subject, state, reason, detail }) => ({ subject, state, reason, detail }))))
}

/** Of every incident and attempt: one revision, of which its plan is, and which was in force when it opened. */
function judge(spans: readonly Span[], fired: readonly string[]): void {
  const db = new Database(join(small.lab.healingFolder, 'data', 'kafka-healing.db'), { readonly: true })
  const rows = db
    .prepare(
      `select i.id, i.revision, i.opened_at, i.plan, i.opened_plan, p.body from incidents i join plans p on p.hash = i.plan`,
    )
    .all() as { id: number; revision: string; opened_at: number; plan: string; opened_plan: string; body: string }[]
  const wrong = rows.filter(({ revision, opened_at, plan, opened_plan, body }) => {
    const known = JSON.parse(inflateSync(Buffer.from(body, 'base64')).toString('utf8')) as Plan
    const inForce = spans.some(
      (span) =>
        span.revision === revision && span.number === numberOf(known) && span.from <= opened_at && opened_at <= span.to,
    )
    return !inForce || plan !== opened_plan || known.revision !== revision
  })
  expect(wrong.map(({ id, revision, opened_at }) => ({ id, revision, opened_at }))).toEqual([])

  const attempts = db
    .prepare(
      `select a.plan as ran_by, a.revision, i.plan, i.revision as opened_by from attempts a join incidents i on i.id = a.incident`,
    )
    .all() as { ran_by: string; revision: string; plan: string; opened_by: string }[]
  expect(attempts).toHaveLength(UNITS.length)
  for (const { ran_by, revision, plan, opened_by } of attempts) expect([ran_by, revision]).toEqual([plan, opened_by])

  const ofIncidents = `select distinct json_extract(a.labels, '$.exporter') from alerts a join incident_alerts i using (fingerprint)`
  const held = new Set(db.prepare(ofIncidents).pluck().all())
  expect(fired.filter((name) => !held.has(name))).toEqual([])
  expect(rows.length).toBe(fired.length + UNITS.length)
  expect(new Set(rows.map(({ revision }) => revision)).size).toBeGreaterThan(100)
  db.close()
}
