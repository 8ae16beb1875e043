import { afterAll, beforeAll, expect, it } from 'vitest'
import { IncidentExplanation } from '../../src/http/explain/shapes.ts'
import { cli } from '../support/cli.ts'
import { type SmallLab, smallRules, startSmallLab } from '../support/small-lab.ts'

let small: SmallLab
beforeAll(async () => {
  // It shall not close between the look at its state and the question why.
  const attempts = { max: 3, backoff: { initial: '1s', multiplier: 2, max: '2s' }, stable: '10m' }
  small = await startSmallLab(['tiny', 'other'], smallRules({ rule: { attempts } }))
}, 120_000)
afterAll(() => small?.end())

const explain = (...args: readonly string[]) => cli(['explain', '--url', small.service.url, ...args])

it('tells a heal as it was: the rule, the guards with what they wanted, the attempt, the probes, the end', async () => {
  await small.lab.signalUnit('tiny.service', 'SIGKILL')
  await small.post([small.alertOf('tiny')])
  const { incident } = await small.stands('tiny', (view) => view.incident.state === 'probation')

  const { code, stdout, stderr } = await explain(String(incident.id))
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^It acted \(1 attempt, the last one succeeded\) and it is well; the watch ends in /)
  const story = [
    'matches: mode act, runbook',
    'cluster="orders" and exporter="tiny" name orders/exporter/tiny',
    'SmallUnitDown (',
    'pass: all guards passed',
    'for attempt 1, rung 1 on orders/exporter/tiny, then attempting (scheduled)',
    'hold file = false; wanted false (',
    'attempt 1, rung 1: succeeded',
    '1. systemd {"verb":"start","limit":10}: succeeded, exit code 0',
    'healed: all probes are healed',
    'probation (watching): ',
    'The watch ends in ',
  ]
  let from = 0
  for (const part of story) {
    expect(stdout.slice(from), part).toContain(part)
    from = stdout.indexOf(part, from)
  }
  // How often the probes have looked by now depends on the machine.
  for (const part of [
    'healed       unit within 5 s: the unit runs',
    'unit = running; wanted running (systemd on',
    'gone         symptom {"unit":"crashed"}',
  ])
    expect(stdout).toContain(part)
  const told = IncidentExplanation.parse(JSON.parse((await explain(String(incident.id), '--json')).stdout))
  expect(told.decisions.every(({ trace, intent }) => trace === 1 && intent?.revision === told.incident.revision)).toBe(
    true,
  )
}, 120_000)

it('tells of an alert that no rule takes, by its name', async () => {
  const labels = { alertname: 'NobodyCares', cluster: 'orders', exporter: 'other' }
  await small.post([small.alertOf('other', { labels })])
  const { code, stdout } = await explain('NobodyCares')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^It did not act because no rule matches \(1 tried\)\./)
  expect(stdout).toContain('alertname="SmallUnitDown" does not hold: it is "NobodyCares"')
  expect(await explain('999')).toMatchObject({ code: 1, stderr: 'there is no incident 999\n' })
}, 60_000)
