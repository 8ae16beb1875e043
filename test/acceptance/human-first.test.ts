import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from '../lab/wait.ts'
import type { ApiView } from '../support/api.ts'
import type { RuleFile } from '../support/rules.ts'
import { type SmallLab, smallRules, startSmallLab } from '../support/small-lab.ts'

const PHASES = ['before', 'waiting', 'attempt', 'verifying', 'probation'] as const
const ACTS = ['stop', 'restart', 'mask'] as const
type Phase = (typeof PHASES)[number]
type Act = (typeof ACTS)[number]

/** One unit and one rule for each case: budgets, cooldowns and the breaker count per target or per rule. */
const unitOf = (phase: Phase, act: Act): string => `${phase}-${act}`
const CASES = PHASES.flatMap((phase) => ACTS.map((act) => [phase, act] as const))

let small: SmallLab

beforeAll(async () => {
  const units = CASES.map(([phase, act]) => unitOf(phase, act))
  small = await startSmallLab(units, smallRules())
  for (const [phase, act] of CASES) if (phase === 'attempt') startSlowly(unitOf(phase, act))
  for (const [phase, act] of CASES) if (act === 'mask') makeMaskable(unitOf(phase, act))
  await small.lab.systemctl('daemon-reload')
  writeFileSync(join(small.lab.healingFolder, 'rules/kafka.yml'), JSON.stringify(rules()))
  expect((await small.service.post('/-/reload', {})).status).toBe(200)
}, 120_000)
afterAll(() => small?.end())
afterEach((context) => {
  if (context.task.result?.state === 'fail') console.error(small.service.output().slice(-12_000))
})

function rules(): RuleFile {
  const runbooks: RuleFile['runbooks'] = {}
  const made = CASES.map(([phase, act]) => {
    const unit = unitOf(phase, act)
    const {
      rules: [rule = {}],
      runbooks: { 'start-unit': runbook = {} },
    } = smallRules({
      rule: {
        after: phase === 'waiting' ? '4s' : '0s',
        attempts: {
          max: 3,
          backoff: { initial: '500ms', multiplier: 1, max: '500ms' },
          stable: phase === 'probation' ? '12s' : '2s',
        },
      },
      runbook: { verify: [{ probe: 'unit', within: '3s' }, ...(phase === 'verifying' ? [untilFlag(unit)] : [])] },
    })
    runbooks[unit] = runbook
    return { ...rule, name: unit, match: ['alertname="SmallUnitDown"', `exporter="${unit}"`], runbook: unit }
  })
  return { rules: made, runbooks }
}

const flagOf = (unit: string): string => join(small.lab.state.dir, `${unit}.flag`)

/** Goes on progressing until somebody writes into the flag: grep ends with 2 where there is no file. */
const untilFlag = (unit: string): object => ({
  probe: 'program',
  argv: ['/bin/grep', '-q', 'well', flagOf(unit)],
  where: 'local',
  within: '60s',
})

const unitFile = (unit: string): string => join(small.lab.state.dir, 'xdg/systemd/user', `${unit}.service`)

/** Its start takes some seconds, so that somebody can come between. */
function startSlowly(unit: string): void {
  const text = readFileSync(unitFile(unit), 'utf8')
  writeFileSync(unitFile(unit), text.replace('ExecStart=', 'ExecStartPre=/bin/sleep 4\nExecStart='))
}

/** A mask is a link in the folder of the configuration, so the unit itself must lie in another one. */
function makeMaskable(unit: string): void {
  const folder = join(small.lab.state.runtimeDir, 'systemd/user')
  mkdirSync(folder, { recursive: true })
  renameSync(unitFile(unit), join(folder, `${unit}.service`))
}

async function systemctl(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await small.lab.systemctl(...args)
  expect(code, stderr).toBe(0)
}

const kill = (unit: string): Promise<void> => small.lab.signalUnit(`${unit}.service`, 'SIGKILL')

async function isActive(unit: string): Promise<boolean> {
  return (await small.lab.unit(`${unit}.service`))['ActiveState'] === 'active'
}

/** What a person does; what they restart or mask dies afterwards, so that there is something to heal again. */
async function act(what: Act, unit: string): Promise<void> {
  await systemctl(what, `${unit}.service`)
  if (what !== 'stop' && (await isActive(unit))) await kill(unit)
}

/** As the person, or what came after, left it. */
async function leftAs(unit: string) {
  const seen = await small.lab.unit(`${unit}.service`)
  return Object.fromEntries(
    ['ActiveState', 'InvocationID', 'UnitFileState', 'NRestarts'].map((name) => [name, seen[name]]),
  )
}

const SAYS: Readonly<Record<Act, RegExp>> = {
  stop: /stopped on purpose|somebody stopped/,
  restart: /somebody (?:else has )?started/,
  mask: /masked/,
}

function trace(view: ApiView): string {
  return [
    view.incident.detail,
    ...view.decisions.flatMap(({ reason, results }) => [reason, ...results.map((result) => result.reason)]),
  ].join('\n')
}

const stepsRun = (view: ApiView): number => view.attempts.flatMap(({ steps }) => steps).length
const looksAt = (view: ApiView): number => view.decisions.reduce((sum, { count }) => sum + count, 0)
/** It waits for a person: for their approval, or escalated to them. */
const isAPersons = ({ incident }: ApiView): boolean => incident.reason === 'approval' || incident.state === 'escalated'

/** The person wins: it stays as they left it although the machine goes on looking, and the trace says why. */
async function theHumanWins(what: Act, unit: string, steps: number): Promise<void> {
  const left = await leftAs(unit)
  const first = await small.stands(unit, isAPersons, 40_000)
  // One that is escalated begins nothing by itself any more; one that waits for approval asks its guards again.
  const later = await small.stands(
    unit,
    (view) => view.incident.state === 'escalated' || looksAt(view) > looksAt(first),
    40_000,
  )
  expect(isAPersons(later)).toBe(true)
  expect(await leftAs(unit)).toEqual(left)
  expect(stepsRun(later)).toBe(steps)
  expect(trace(later)).toMatch(SAYS[what])
}

const began = (view: ApiView): boolean => stepsRun(view) > 0

describe('S-2.5 S-5.12 the human wins', () => {
  it.each(ACTS.filter((what) => what !== 'restart'))('%s before the alert', async (what) => {
    const unit = unitOf('before', what)
    await act(what, unit)
    await small.post([small.alertOf(unit)])
    await theHumanWins(what, unit, 0)
  })

  it('stop while it waits', async () => {
    const unit = unitOf('waiting', 'stop')
    await small.post([small.alertOf(unit)])
    await small.stands(unit, (view) => view.incident.reason === 'after')
    await act('stop', unit)
    await theHumanWins('stop', unit, 0)
  })

  it('mask while it waits', async () => {
    const unit = unitOf('waiting', 'mask')
    await kill(unit)
    await small.post([small.alertOf(unit)])
    await small.stands(unit, (view) => view.incident.reason === 'after')
    await act('mask', unit)
    await theHumanWins('mask', unit, 0)
  })

  async function starting(unit: string): Promise<void> {
    await kill(unit)
    await small.post([small.alertOf(unit)])
    await small.stands(unit, began)
    await small.lab.waitUnit(`${unit}.service`, { SubState: 'start-pre' })
  }

  it('stop while its start is under way', async () => {
    const unit = unitOf('attempt', 'stop')
    await starting(unit)
    await act('stop', unit)
    await theHumanWins('stop', unit, 1)
  })

  it('mask while its start is under way', async () => {
    const unit = unitOf('attempt', 'mask')
    await starting(unit)
    await act('mask', unit)
    await waitFor('the start to end', async () => {
      const { ActiveState } = await small.lab.unit(`${unit}.service`)
      return ActiveState === 'failed' || ActiveState === 'active'
    })
    if (await isActive(unit)) await kill(unit)
    await theHumanWins('mask', unit, 1)
  })

  it('restart while its start is under way: theirs goes on', async () => {
    const unit = unitOf('attempt', 'restart')
    await starting(unit)
    const ours = (await leftAs(unit))['InvocationID']
    await systemctl('restart', `${unit}.service`)
    const left = await leftAs(unit)
    expect(left['InvocationID']).not.toBe(ours)
    const view = await small.stands(unit, ({ incident }) => ['probation', 'settled'].includes(incident.state))
    expect(stepsRun(view)).toBe(1)
    expect(await leftAs(unit)).toEqual(left)
  })

  it.each(ACTS)('%s while it is verified', async (what) => {
    const unit = unitOf('verifying', what)
    await kill(unit)
    await small.post([small.alertOf(unit)])
    await small.stands(unit, (view) => view.incident.state === 'verifying')
    await act(what, unit)
    await theHumanWins(what, unit, 1)
  })

  it.each(ACTS)('%s in probation', async (what) => {
    const unit = unitOf('probation', what)
    await kill(unit)
    await small.post([small.alertOf(unit)])
    await small.stands(unit, (view) => view.incident.state === 'probation')
    await act(what, unit)
    await theHumanWins(what, unit, 1)
  })

  it.each(['before', 'waiting'] as const)(
    'restart %s, when the boot is long over',
    async (phase) => {
      const unit = unitOf(phase, 'restart')
      // What is started within two minutes of a boot is taken for a part of it.
      await waitFor('the boot to be over', bootIsLongOver, 150_000, 1_000)
      if (phase === 'waiting') {
        await small.post([small.alertOf(unit)])
        await small.stands(unit, (view) => view.incident.reason === 'after')
      }
      await act('restart', unit)
      if (phase === 'before') await small.post([small.alertOf(unit)])
      await theHumanWins('restart', unit, 0)
    },
    240_000,
  )

  it('S-3.5 and what they decide is done: approved, it is started', async () => {
    const unit = unitOf('before', 'stop')
    const asked = await small.stands(unit, (view) => view.incident.reason === 'approval')
    const { id, approval } = asked.incident
    const answer = await small.service.post(`/incidents/${id}/approve`, { by: 'ann', request: approval?.request })
    expect(answer.status).toBe(200)
    await small.stands(unit, (view) => ['probation', 'settled', 'closed'].includes(view.incident.state))
    expect(await isActive(unit)).toBe(true)
  })
})

async function bootIsLongOver(): Promise<boolean> {
  const { stdout } = await small.lab.systemctl('show', '--property=FinishTimestampMonotonic')
  const finished = Number(stdout.trim().split('=')[1]) / 1_000_000
  const up = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
  return up - finished > 125
}
