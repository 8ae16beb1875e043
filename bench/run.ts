// npm run bench [-- NAME …]: measures what design 6 promises and prints one table. A missed goal is shown, not an error.
import { cpus, loadavg, totalmem } from 'node:os'
import Database from 'better-sqlite3'
import { systemClock } from '../src/clock.ts'
import type { Row } from './row.ts'

const ALL = {
  idle: () => import('./idle.ts'),
  webhooks: () => import('./webhooks.ts'),
  overhead: () => import('./overhead.ts'),
  storm: () => import('./storm.ts'),
  history: () => import('./history.ts'),
  postgres: () => import('./postgres.ts'),
  simulator: () => import('./simulator.ts'),
  replay: () => import('./replay.ts'),
  view: () => import('./view.ts'),
  guards: () => import('./guards.ts'),
  heal: () => import('./heal.ts'),
} as const satisfies Record<string, () => Promise<{ run(): Promise<readonly Row[]> }>>
type Name = keyof typeof ALL

function isName(text: string): text is Name {
  return Object.hasOwn(ALL, text)
}

const asked = process.argv.slice(2)
const unknown = asked.filter((one) => !isName(one))
if (unknown.length > 0) {
  process.stderr.write(`no such bench: ${unknown.join(', ')}; there are ${Object.keys(ALL).join(', ')}\n`)
  process.exit(2)
}
const names = asked.length > 0 ? asked.filter(isName) : (Object.keys(ALL) as Name[])

process.stdout.write(`${machine()}\n\n`)
const rows: Row[] = []
const failures: string[] = []
for (const name of names) {
  const began = systemClock.monotonic()
  try {
    const { run } = await ALL[name]()
    rows.push(...(await run()))
  } catch (error) {
    failures.push(`${name} could not be measured: ${error instanceof Error ? error.message : String(error)}`)
  }
  const seconds = Math.round((systemClock.monotonic() - began) / 1_000)
  process.stderr.write(`${name}: ${seconds} s, load ${loadavg()[0]?.toFixed(1)}\n`)
}
process.stdout.write(`${table(rows)}\n\n${notes(rows)}\n`)
for (const failure of failures) process.stdout.write(`\n${failure}\n`)

function machine(): string {
  const db = new Database(':memory:')
  const { version } = db.prepare('select sqlite_version() as version').get() as { readonly version: string }
  db.close()
  const [first] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  const load = loadavg().map((one) => one.toFixed(1))
  return `${cpus().length} cores (${first?.model.trim()}), ${memory} GiB, Node ${process.version}, SQLite ${version}; load before: ${load.join(' ')}`
}

function table(all: readonly Row[]): string {
  const ways = [...new Set(all.map(({ how }) => how))]
  const lines = all.map(({ name, figure, unit, goal, met, how }) => {
    const verdict = met === null ? '' : met ? 'met' : '**missed**'
    return `| ${name} | ${figure === null ? 'not measured' : `${shown(figure)} ${unit}`} | ${goal ?? ''} | ${verdict} | ${ways.indexOf(how) + 1} |`
  })
  return ['| what | figure | goal | | how |', '|---|---|---|---|---|', ...lines].join('\n')
}

function notes(all: readonly Row[]): string {
  return [...new Set(all.map(({ how }) => how))].map((how, index) => `${index + 1}. ${how}`).join('\n')
}

/** Three digits that count. */
function shown(figure: number): string {
  return Number(figure.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 3 })
}
process.exit(0)
