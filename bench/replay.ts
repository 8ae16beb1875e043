import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { stringify } from 'yaml'
import { fingerprintOf } from '../src/alert/fingerprint.ts'
import { systemClock } from '../src/clock.ts'
import { openSqliteStore } from '../src/store/sqlite.ts'
import { shippedRules } from '../test/support/rules.ts'
import { residentMiB, scratch } from './home.ts'
import { against, aside, type Row } from './row.ts'

/** Of alerts, half of them firing; over a month. */
const CHANGES = 1_000_000
const MONTH_MS = 30 * 86_400_000
const CLUSTERS = 10
const BROKERS = 30
const NAMES = ['Down', 'Hung', 'Lag', 'Other'] as const

const root = join(import.meta.dirname, '..')

/**
 * A month of a million changes, replayed by the command line against rules with planted differences. One rule in four is in
 * mode act, on both sides: far more breaks than the budgets let it repair, which is what takes the time.
 */
export async function run(): Promise<readonly Row[]> {
  const folder = scratch()
  try {
    const config = writeHome(folder)
    await fill(join(folder, 'bench.db'))
    const file = join(folder, 'alerts.ndjson.gz')
    const compared = [
      '--config',
      config,
      '--rules',
      join(folder, 'changed'),
      '--since',
      '31d',
      '--json',
      '--detail',
      '0',
    ]
    const fromDatabase = await timed(['replay', ...compared])
    const exported = await timed(['export', 'alerts', '--config', config, '--since', '31d', '-o', file])
    const fromFile = await timed(['replay', ...compared, '--alerts', file])
    const how = `${CHANGES.toLocaleString('en')} recorded changes of ${CLUSTERS * BROKERS * NAMES.length} alerts on ${CLUSTERS * BROKERS} brokers, five minutes each, one in four in mode act; \`replay\` as a process, from start to end`
    const name = (what: string) => `replay of 1,000,000 changes, ${what}`
    return [
      against({ name: name('SQLite'), figure: fromDatabase.seconds, unit: 's', how }, '<', 60),
      against({ name: name('packed file'), figure: fromFile.seconds, unit: 's', how }, '<', 60),
      against({ name: name('most memory'), figure: fromDatabase.peakMiB, unit: 'MiB', how: `${how}; VmHWM` }, '<', 600),
      against(
        {
          name: name('differences that are not as planted'),
          figure: wrong(fromDatabase.stdout) + wrong(fromFile.stdout),
          unit: '',
          how: 'of each kind, found less planted',
        },
        '=',
        0,
      ),
      aside({ name: 'export of 1,000,000 changes', figure: exported.seconds, unit: 's', how: 'packed, to a file' }),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Timed {
  readonly seconds: number
  readonly peakMiB: number
  readonly stdout: string
}

async function timed(args: readonly string[]): Promise<Timed> {
  const began = systemClock.monotonic()
  const child = spawn(process.execPath, ['src/main.ts', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  let stdout = ''
  let peakMiB = 0
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  const looking = setInterval(() => {
    if (child.pid !== undefined && child.exitCode === null) peakMiB = residentMiB(child.pid).peak
  }, 200)
  await once(child, 'close')
  clearInterval(looking)
  if (child.exitCode !== 0) throw new Error(`kafka-healing ${args.join(' ')} ended with ${child.exitCode}`)
  return { seconds: (systemClock.monotonic() - began) / 1_000, peakMiB, stdout }
}

/** How far the kinds of differences are from what {@link changedRules} were made for. */
function wrong(stdout: string): number {
  const { kinds, different } = JSON.parse(stdout) as { kinds: Record<string, number>; different: number }
  const fired = (name: (typeof NAMES)[number], cluster: number) =>
    Array.from({ length: CHANGES / 2 }, (_, index) => alertOf(index)).filter(
      (alert) => alert.name === name && alert.cluster === cluster,
    ).length
  const [matched, lost, other] = [fired('Other', 7), fired('Lag', 3), fired('Hung', 5)]
  const planted: Readonly<Record<string, number>> = {
    newlyMatched: matched,
    noLongerMatched: lost,
    otherRule: other,
    otherRunbook: other,
  }
  const off = Object.entries(kinds).map(([kind, found]) => Math.abs(found - (planted[kind] ?? 0)))
  return off.reduce((sum, one) => sum + one, Math.abs(different - matched - lost - other))
}

/** The n-th alert that fires: all brokers in turn, with one name after the other. */
function alertOf(n: number): {
  readonly name: (typeof NAMES)[number]
  readonly cluster: number
  readonly broker: number
} {
  const broker = n % (CLUSTERS * BROKERS)
  const name = NAMES[Math.floor(n / (CLUSTERS * BROKERS)) % NAMES.length] ?? 'Other'
  return { name, cluster: Math.floor(broker / BROKERS), broker: broker % BROKERS }
}

function writeHome(folder: string): string {
  const config = {
    listen: '127.0.0.1:0',
    database: 'bench.db',
    inventory: 'inventory.yml',
    rules: ['rules'],
    smtp: { host: '127.0.0.1', port: 1, security: 'plain', from: 'kafka-healing@example.com' },
    receivers: { 'kafka-oncall': ['oncall@example.com'] },
  }
  const clusters = Array.from({ length: CLUSTERS }, (_, cluster) => {
    const brokers = Array.from({ length: BROKERS }, (_, broker) => ({
      id: broker,
      host: `c${cluster}-${broker}`,
      address: `c${cluster}-${broker}:9092`,
      unit: `kafka-${cluster}-${broker}.service`,
      data: ['/data'],
    }))
    const identity = { cluster_id: `MkU3OEVBNTcwNTJENDM2${cluster}k`, bootstrap: [`c${cluster}-0:9092`] }
    return [`c${cluster}`, { ...identity, connection: { driver: 'local' }, brokers }]
  })
  writeFileSync(join(folder, 'config.yml'), stringify(config))
  writeFileSync(join(folder, 'inventory.yml'), stringify({ clusters: Object.fromEntries(clusters) }))
  for (const [name, rules] of [
    ['rules', currentRules()],
    ['changed', changedRules()],
  ] as const) {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'kafka.yml'), stringify({ rules, runbooks: shippedRules().runbooks }))
  }
  return join(folder, 'config.yml')
}

const ruleOf = (name: string, match: readonly string[], runbook: string, mode = 'inform') => ({
  name,
  match,
  target: { broker: 'from-labels' },
  mode,
  runbook,
  firing: { source: 'webhook', max_age: '1h' },
  escalation: { to: ['kafka-oncall'] },
})
const down = ruleOf('down', ['alertname="Down"'], 'start-broker', 'act')
const hung = ruleOf('hung', ['alertname="Hung"'], 'restart-hung-broker')

function currentRules(): readonly object[] {
  return [down, hung, ruleOf('lag', ['alertname="Lag"'], 'restart-lagging-broker')]
}

function changedRules(): readonly object[] {
  return [
    down,
    ruleOf('hung-c5', ['alertname="Hung"', 'cluster="c5"'], 'restart-fenced-broker'),
    hung,
    ruleOf('lag', ['alertname="Lag"', 'cluster!="c3"'], 'restart-lagging-broker'),
    ruleOf('other', ['alertname="Other"', 'cluster="c7"'], 'start-broker'),
  ]
}

/** A database as the store makes it, with the record put in by a few statements. */
async function fill(path: string): Promise<void> {
  await (await openSqliteStore({ path })).close()
  const db = new Database(path)
  db.pragma('synchronous = off')
  const end = systemClock.now()
  const insertAlert = db.prepare(
    `insert into alerts (fingerprint, status, labels, annotations, starts_at, ends_at, generator_url, first_seen_at, seen_at)
     values (?, 'resolved', ?, '{}', ?, ?, '', ?, ?)`,
  )
  const insertChange = db.prepare(
    `insert into alert_changes (delivery, fingerprint, change, starts_at, ends_at, annotations, generator_url, received_at)
     values (1, ?, ?, ?, ?, '{"summary":"a broker is not well"}', '', ?)`,
  )
  const fingerprints = new Map<string, string>()
  const fingerprint = (n: number): string => {
    const { name, cluster, broker } = alertOf(n)
    const key = `${name} ${cluster} ${broker}`
    const known = fingerprints.get(key)
    if (known) return known
    const labels = {
      alertname: name,
      cluster: `c${cluster}`,
      broker_id: String(broker),
      instance: `c${cluster}-${broker}:7071`,
      job: 'kafka',
      severity: 'critical',
      team: 'streams',
    }
    const made = fingerprintOf(labels)
    insertAlert.run(made, JSON.stringify(labels), end, end, end, end)
    fingerprints.set(key, made)
    return made
  }
  const fires = CHANGES / 2
  const firedAt = (n: number): number => end - MONTH_MS + Math.floor((n * MONTH_MS) / fires)
  // What fired five minutes ago ends, half a minute before the webhook says so.
  const apart = Math.round((5 * 60_000 * fires) / MONTH_MS)
  db.transaction(() => {
    for (let n = 0; n < fires + apart; n += 1) {
      const ended = n - apart
      if (ended >= 0) {
        const at = firedAt(ended) + 5 * 60_000
        insertChange.run(fingerprint(ended), 'resolved', firedAt(ended), at - 30_000, at)
      }
      if (n < fires) insertChange.run(fingerprint(n), 'firing', firedAt(n), null, firedAt(n))
    }
  })()
  db.close()
}
