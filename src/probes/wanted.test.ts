import { describe, expect, test } from 'vitest'
import { compared } from '../../test/support/compared.ts'
import { fakeHost, killedUnit, local, lookContext, memoryOf, runningUnit } from '../../test/support/look.ts'
import { judgeInSync } from './in-sync.ts'
import { judgeServing, type ServingFacts } from './kafka-api.ts'
import { programProbe } from './program.ts'
import { judge as judgeQuery } from './promql.ts'
import { judge as judgeScrape } from './scrape.ts'
import { unit } from './unit.ts'

const NOW = 1_800_000_000_000
const serving: ServingFacts = {
  address: { host: 'kafka-1', port: 9092 },
  liveness: { state: 'serving', why: 'ok', detail: null, ms: 1 },
  unit: runningUnit(),
  unitProblem: '',
  hostName: 'local',
  memory: memoryOf(),
  brokerState: null,
}
const partition = { topic: 'orders', partition: 0, leader: 2, replicas: [1, 2, 3], isr: [2, 3], offline: [] }
const metadata = {
  answeredBy: { host: 'kafka-2', port: 9092 },
  clusterId: 'x',
  brokers: [1, 2, 3].map((id) => ({ id, host: `kafka-${id}`, port: 9092, rack: null })),
  partitions: [partition],
}

describe('S-5.1 each value with what was wanted', () => {
  test('kafka-api', () => {
    expect(compared(judgeServing(serving, NOW))).toEqual([['ApiVersions', 'ok', 'ok']])
  })

  test('in-sync', () => {
    expect(compared(judgeInSync(serving, '1', [metadata], NOW))).toEqual([
      ['ApiVersions', 'ok', 'ok'],
      ['replicas not in sync', 1, 0],
    ])
  })

  test.each([
    ['empty', 'empty'],
    [{ op: '<', value: 5 } as const, '< 5'],
  ] as const)('promql: %o', (healed_when, wanted) => {
    const seen = judgeQuery({ query: 'up', healed_when }, 'up', [{ labels: {}, value: 7 }], NOW)
    expect(compared(seen)).toMatchObject([{ 0: 'answer', 2: wanted }])
  })

  test('http-scrape', () => {
    expect(compared(judgeScrape({ kind: 'answered', status: 503 }, { name: 'kafka-1' }, NOW))).toEqual([
      ['scrape', 503, 200],
    ])
  })

  test('program', async () => {
    const params = programProbe.params.parse({ argv: ['false'], where: 'local' })
    expect(compared(await programProbe.look(params, lookContext({ local })))).toEqual([['exitCode', 1, 0]])
  })

  test('unit', async () => {
    const { activeState, subState, loadState, unitFileState, result, execMainCode, execMainStatus } = killedUnit()
    const shown = {
      ActiveState: activeState,
      SubState: subState,
      LoadState: loadState,
      UnitFileState: unitFileState,
      Result: result,
      ExecMainCode: execMainCode,
      ExecMainStatus: execMainStatus,
    }
    const stdout = Object.entries(shown).map(([name, value]) => `${name}=${value}\n`)
    const host = fakeHost(async () => ({
      kind: 'exited',
      exitCode: 0,
      signal: null,
      stdout: stdout.join(''),
      stderr: '',
      timedOut: false,
    }))
    expect(compared(await unit.look({}, lookContext({ host })))).toEqual([['unit', 'crashed', 'running']])
  })
})
