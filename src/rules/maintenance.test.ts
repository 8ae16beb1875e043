import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { formatProblem } from '../document/problem.ts'
import { loadConfiguration } from './configuration.ts'
import { granted } from './granted.ts'

const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-maintenance-'))
afterAll(() => rmSync(folder, { recursive: true }))
mkdirSync(join(folder, 'rules'))
writeFileSync(
  join(folder, 'inventory.yml'),
  `clusters:
  orders:
    bootstrap: [k1:9092]
    connection: { driver: local }
    brokers: [{ id: 1, host: k1, unit: kafka.service }]
`,
)

function load(entry: string, name = 'config.yml') {
  const file = join(folder, name)
  writeFileSync(file, name.endsWith('.ini') ? entry : `maintenance:\n  - ${entry}\n`)
  const loaded = loadConfiguration(file, granted, {})
  const problems = 'ok' in loaded ? loaded.warnings : loaded.problems
  return {
    maintenance: 'ok' in loaded ? loaded.ok.config.maintenance : null,
    said: problems
      .map((problem) => formatProblem(problem).slice(folder.length + 1))
      .filter((line) => line.includes('config.') && !line.includes('no rules file')),
  }
}

const night = (rest: string): string => `{ name: night, comment: patches, ${rest} }`
const weekly = "schedule: '0 2 * * sun', duration: 2h, timezone: Europe/Berlin"

describe('maintenance windows in the configuration', () => {
  test('are recurring in a time zone, or come once', () => {
    const { maintenance, said } = load(night(`${weekly}, clusters: [orders]`))
    expect(said).toEqual([])
    const [entry] = maintenance ?? []
    expect(entry).toMatchObject({ name: 'night', durationMs: 7_200_000, covers: { clusters: ['orders'] } })
    if (!entry || !('schedule' in entry.begins)) throw new Error('no schedule')
    expect(entry.begins.schedule.next(Date.parse('2026-07-01T00:00:00Z'))).toBe(Date.parse('2026-07-05T00:00:00Z'))

    const once = load(night('starts: 2026-12-01T02:00:00+01:00, duration: 2h, targets: [orders/broker/1]'))
    expect(once).toMatchObject({
      said: [],
      maintenance: [{ begins: { at: Date.parse('2026-12-01T01:00:00Z') }, covers: { targets: ['orders/broker/1'] } }],
    })
    expect(load(night(`${weekly}, matchers: ['alertname="KafkaBrokerDown"']`))).toMatchObject({
      said: [],
      maintenance: [{ covers: { matchers: [{ name: 'alertname', operator: '=', value: 'KafkaBrokerDown' }] } }],
    })
  })

  test('can be said in INI, too', () => {
    const ini = `[maintenance.0]\nname = night\nschedule = 0 2 * * sun\nduration = 2h\nclusters[] = orders\ncomment = patches\n`
    expect(load(ini, 'config.ini')).toMatchObject({ said: [], maintenance: [{ name: 'night' }] })
  })

  test.each([
    [
      "schedule: '0 2 * *', duration: 2h, clusters: [orders]",
      /^config\.yml:2:\d+: maintenance\[0\]\.schedule: expected five cron fields/,
    ],
    ["schedule: '61 2 * * *', duration: 2h, clusters: [orders]", /schedule: no cron line: .*minute/],
    ["schedule: '0 2 30 2 *', duration: 2h, clusters: [orders]", /^config\.yml:2:\d+: this time never comes$/],
    [
      "schedule: '0 2 * * *', duration: 2h, timezone: Berlin, clusters: [orders]",
      /timezone: there is no such time zone/,
    ],
    ["schedule: '0 2 * * *', duration: 0s, clusters: [orders]", /duration: must be longer than 0/],
    [
      `${weekly}, clusters: [odrers]`,
      /^config\.yml:2:\d+: the inventory has no cluster "odrers" \(did you mean "orders"\?\)$/,
    ],
    [`${weekly}, targets: [orders/broker/7]`, /the inventory has no target "orders\/broker\/7"/],
    [`${weekly}, matchers: ['alertname=~"("']`, /matcher .*RE2/],
    [`${weekly}, matchers: ['alertname=~".*"']`, /they hold for \(nearly\) every alert/],
    [`${weekly}, clusters: [orders], targets: [orders/broker/1]`, /expected one of clusters, targets and matchers/],
    [weekly, /expected one of clusters, targets and matchers/],
    ['duration: 2h, clusters: [orders]', /expected either a schedule or starts/],
    [`starts: 2026-12-01T02:00:00Z, ${weekly}, clusters: [orders]`, /expected either a schedule or starts/],
    ['starts: 2026-12-01T02:00:00, duration: 2h, clusters: [orders]', /starts: expected a time with its offset/],
    ['starts: 2026-12-01T02:00:00Z, timezone: UTC, duration: 2h, clusters: [orders]', /only a schedule has one/],
    [`${weekly}, cluster: [orders]`, /unknown key "cluster" \(did you mean "clusters"\?\)/],
  ])('are refused with the place: %s', (rest, problem) => {
    const { maintenance, said } = load(night(rest))
    expect(maintenance).toBeNull()
    expect(said).toEqual([expect.stringMatching(problem)])
  })

  test('have names of their own', () => {
    const one = night(`${weekly}, clusters: [orders]`)
    expect(load(`${one}\n  - ${one}`).said).toEqual(['config.yml:3:13: there is already a maintenance window "night"'])
  })

  test.each([
    ["schedule: '0 2 * * *', duration: 24h", '1d'],
    ["schedule: '0 2,3 * * *', duration: 2h", '1h'],
  ])('warn when one runs into the next: %s', (rest, often) => {
    const { maintenance, said } = load(night(`${rest}, clusters: [orders]`))
    expect(maintenance).toHaveLength(1)
    expect(said).toEqual([
      expect.stringMatching(new RegExp(`^config\\.yml:2:\\d+: warning: the next one begins ${often} after`)),
    ])
  })
})
