import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { fingerprintOf } from '../../src/alert/fingerprint.ts'
import type { ApiView } from '../support/api.ts'
import type { RuleFile } from '../support/rules.ts'
import { type ShiftedClock, shiftedClock } from '../support/shifted-clock.ts'
import { type SmallLab, smallRules, startSmallLab } from '../support/small-lab.ts'

/**
 * A month of a real service, of which only the nights are left out: its clock jumps from day to day. Units really die, and
 * are really started.
 */
const DAY_S = 86_400
/** An alert goes on for so long after what it leads to was seen; nobody waits for it. Seconds. */
const WHILE_S = 600

let small: SmallLab
let clock: ShiftedClock
let shiftS = 0

beforeAll(async () => {
  small = await startSmallLab(['dies-1', 'dies-2', 'runs', 'stays-dead'], rules())
  clock = shiftedClock(small.lab.state.dir)
  await small.service.stop()
  small.service = await small.start({ env: clock.env })
}, 120_000)
afterAll(async () => {
  await small?.end()
})
afterEach((context) => {
  if (context.task.result?.state === 'fail') console.error(small.service.output().slice(-10_000))
})

const [rule = {}] = smallRules().rules
const runbook = smallRules().runbooks['start-unit'] ?? {}
const firing = { source: 'webhook', max_age: '24h' }
const quick = { max: 2, backoff: { initial: '1s', multiplier: 1, max: '1s' }, stable: '1s' }
const runbooks = {
  'start-unit': runbook,
  // It exits 0 and heals nothing.
  useless: {
    ...runbook,
    verify: [{ probe: 'unit', within: '1s' }],
    rungs: [[{ program: { argv: ['/bin/true'], limit: 5, repeatable: true } }]],
  },
}
const dies = { ...rule, name: 'dies', match: ['alertname="UnitDown"', 'exporter=~"dies-.*"'], firing, attempts: quick }
const useless = {
  ...rule,
  name: 'useless',
  match: ['exporter="stays-dead"'],
  firing,
  attempts: quick,
  runbook: 'useless',
}
const slow = { ...rule, name: 'slow', match: ['alertname="UnitSlow"'], mode: 'inform', firing }
const odd = { ...rule, name: 'odd', match: ['alertname="UnitOdd"'], firing }

function rules(): RuleFile {
  return { rules: [useless, dies, slow, odd], runbooks }
}

/** Each change is meant for some of the alerts; for all others the rules say what they said. */
function changedRules(): RuleFile {
  return {
    rules: [
      { ...useless, attempts: { ...quick, max: 1 } },
      { ...dies, name: 'ask-first', match: ['alertname="UnitDown"', 'exporter="dies-2"'], mode: 'approve' },
      dies,
      { ...slow, name: 'slow-first', match: ['alertname="UnitSlow"', 'exporter="dies-1"'], runbook: 'look-first' },
      { ...slow, match: ['alertname="UnitSlow"', 'severity!="info"'] },
      odd,
      { ...slow, name: 'noise', match: ['alertname="Noise"', 'team="a"'] },
    ],
    runbooks: {
      ...runbooks,
      'look-first': {
        ...runbook,
        rungs: [[{ program: { argv: ['/bin/true'], limit: 5 } }], ...[runbook['rungs']].flat()],
      },
    },
  }
}

type Labels = Readonly<Record<string, string>>

const labelsOf = (alertname: string, exporter: string, more: Labels = {}): Labels => ({
  alertname,
  cluster: 'orders',
  exporter,
  ...more,
})

const now = () => Date.now() + shiftS * 1_000

function shiftTo(seconds: number): void {
  shiftS = seconds
  clock.shift(seconds)
}

/** As Alertmanager says it. */
async function say(labels: Labels, startsAt: number, status: 'firing' | 'resolved'): Promise<void> {
  const endsAt = status === 'resolved' ? new Date(now()).toISOString() : '0001-01-01T00:00:00Z'
  const alert = {
    status,
    labels,
    annotations: { summary: 'a test' },
    startsAt: new Date(startsAt).toISOString(),
    endsAt,
  }
  const whole = { ...alert, generatorURL: '', fingerprint: fingerprintOf(labels) }
  await small.post([], { status, alerts: [whole] })
}

let latest = 0

/** An alert fires until `seen`, and ends a while later; then its incident closes. Without `seen` no rule opens one. */
async function day(
  n: number,
  labels: Labels,
  seen: ((view: ApiView) => boolean) | null,
  mend?: () => Promise<unknown>,
) {
  shiftTo(n * DAY_S)
  const startsAt = now()
  await say(labels, startsAt, 'firing')
  const unit = labels['exporter'] ?? ''
  const view = seen && (await small.stands(unit, (one) => one.incident.id > latest && seen(one)))
  latest = view?.incident.id ?? latest
  await mend?.()
  shiftTo(n * DAY_S + WHILE_S)
  await say(labels, startsAt, 'resolved')
  if (view) await small.stands(unit, ({ incident }) => incident.id === latest && incident.state === 'closed')
}

const healed = ({ incident }: ApiView) => incident.state === 'probation' || incident.state === 'settled'
const informed = ({ incident }: ApiView) => incident.state === 'settled' && incident.outcome === 'informed'
const refused = ({ incident }: ApiView) => incident.reason === 'refused'
const held = ({ incident }: ApiView) => incident.reason === 'held'
const exhausted = ({ incident }: ApiView) => incident.reason === 'exhausted'

async function kill(unit: string): Promise<void> {
  await small.lab.signalUnit(`${unit}.service`, 'SIGKILL')
  await small.lab.waitUnit(`${unit}.service`, { ActiveState: 'failed' })
}

const start = (unit: string) => () => small.lab.systemctl('start', `${unit}.service`)

async function month(): Promise<void> {
  const down = async (n: number, unit: string): Promise<void> => {
    await kill(unit)
    await day(n, labelsOf('UnitDown', unit), healed)
  }
  const slowly = (n: number, unit: string, severity: string) =>
    day(n, labelsOf('UnitSlow', unit, { severity }), informed)
  const noise = (n: number, team: string) => day(n, { alertname: 'Noise', team }, null)
  await down(1, 'dies-1')
  await noise(2, 'a')
  await noise(2.5, 'b')
  await down(3, 'dies-2')
  await slowly(4, 'runs', 'info')
  await slowly(5, 'dies-1', 'warning')
  await kill('stays-dead')
  await day(6, labelsOf('UnitDown', 'stays-dead'), exhausted, start('stays-dead'))
  await slowly(7, 'runs', 'warning')
  await down(8, 'dies-1')
  await day(9, labelsOf('UnitOdd', 'runs'), refused)
  await down(10, 'dies-2')
  await noise(12, 'a')
  shiftTo(17 * DAY_S)
  const pause = { scope: 'rule:dies', duration: '1h', author: 'ann', comment: 'moving' }
  expect((await small.service.post('/pause', pause)).status).toBeLessThan(300)
  await kill('dies-2')
  await day(17, labelsOf('UnitDown', 'dies-2'), held, start('dies-2'))
  await slowly(18, 'runs', 'info')
  await kill('stays-dead')
  await day(20, labelsOf('UnitDown', 'stays-dead'), exhausted, start('stays-dead'))
  await down(22, 'dies-1')
  await day(23, labelsOf('UnitOdd', 'runs'), refused)
  await slowly(27, 'dies-1', 'warning')
  shiftTo(29 * DAY_S)
}

/** The command line, at the time of the service. */
async function cli(...args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['src/main.ts', ...args], {
    env: { ...process.env, ...clock.env },
    stdio: 'pipe',
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  child.stdin.end()
  await once(child, 'close')
  return { code: child.exitCode, stdout, stderr }
}

interface Found {
  readonly differences: readonly {
    readonly firedAt: string
    readonly labels: Labels
    readonly kinds: readonly string[]
    readonly before: readonly { readonly attempts: number }[]
    readonly after: readonly { readonly attempts: number }[]
  }[]
  readonly [key: string]: unknown
}

describe('replay of a month', () => {
  it('shows exactly what the changed rules would have done differently, none missing, none extra', async () => {
    const began = Date.now()
    await month()
    const config = join(small.lab.healingFolder, 'config.yml')
    const folder = join(small.lab.state.dir, 'changed')
    mkdirSync(folder)
    writeFileSync(join(folder, 'rules.yml'), stringify(changedRules()))
    const file = join(small.lab.state.dir, 'alerts.ndjson.gz')

    const replayed = cli(
      'replay',
      '--config',
      config,
      '--rules',
      folder,
      '--json',
      '--detail',
      'all',
      '--max-changes',
      '10',
    )
    const [fromDatabase, exported] = await Promise.all([
      replayed,
      cli('export', 'alerts', '--config', config, '--redact', '-o', file),
    ])
    expect([exported.code, exported.stderr]).toEqual([0, ''])
    expect(fromDatabase.stderr).toBe('11 alerts would be treated differently, 10 may (--max-changes)\n')
    expect(fromDatabase.code).toBe(3)

    const found = JSON.parse(fromDatabase.stdout) as Found
    const planted = found.differences.map(({ firedAt, labels, kinds, before, after }) => [
      Math.round((Date.parse(firedAt) - began) / (DAY_S * 1_000)),
      labels['exporter'] ?? labels['team'],
      kinds.join(' '),
      `${before[0]?.attempts ?? '-'} → ${after[0]?.attempts ?? '-'}`,
    ])
    expect(planted.toSorted((a, b) => Number(a[0]) - Number(b[0]))).toEqual([
      [2, 'a', 'newlyMatched', '- → 0'],
      [3, 'dies-2', 'otherRule otherMode fewerAttempts', '1 → 0'],
      [4, 'runs', 'noLongerMatched', '0 → -'],
      [5, 'dies-1', 'otherRule otherRunbook', '0 → 0'],
      [6, 'stays-dead', 'fewerAttempts', '2 → 1'],
      [10, 'dies-2', 'otherRule otherMode fewerAttempts', '1 → 0'],
      [12, 'a', 'newlyMatched', '- → 0'],
      [17, 'dies-2', 'otherRule otherMode refusalGone', '0 → 0'],
      [18, 'runs', 'noLongerMatched', '0 → -'],
      [20, 'stays-dead', 'fewerAttempts', '2 → 1'],
      [27, 'dies-1', 'otherRule otherRunbook', '0 → 0'],
    ])
    // With the rules that were in force it does what was done.
    expect(found['before']).toMatchObject({ attempts: found['recordedAttempts'] })

    const [fromFile, same] = await Promise.all([
      cli('replay', '--config', config, '--rules', folder, '--json', '--detail', 'all', '--alerts', file),
      cli('replay', '--config', config, '--rules', join(small.lab.healingFolder, 'rules'), '--max-changes', '0'),
    ])
    expect(fromFile.code).toBe(0)
    expect(JSON.parse(fromFile.stdout)).toMatchObject({
      differences: found.differences.map(({ kinds }) => ({ kinds })),
      different: 11,
    })
    expect([same.code, same.stdout.split('\n')[0]]).toEqual([0, 'None of 18 alerts would be treated differently'])
  }, 120_000)
})
