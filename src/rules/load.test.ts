import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineAction } from '../actions/action.ts'
import { program } from '../actions/program.ts'
import { formatProblem } from '../document/problem.ts'
import { defineOwnGuard, defineWorldGuard } from '../guards/guard.ts'
import { defineProbe, type Probe } from '../probes/probe.ts'
import { programProbe } from '../probes/program.ts'
import { type LoadedConfiguration, loadConfiguration } from './configuration.ts'
import type { Rule } from './match.ts'
import type { Powers } from './powers.ts'

const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-rules-'))
afterAll(() => rmSync(folder, { recursive: true }))

const systemd = defineAction({
  type: 'systemd',
  summary: '',
  params: z.strictObject({ verb: z.enum(['start', 'stop', 'restart']), limit_seconds: z.int().default(60) }),
  targets: ['broker', 'exporter'],
  traits: ({ verb, limit_seconds }, kind) => ({
    disruptive: verb !== 'start' && kind === 'broker',
    repeatable: verb !== 'stop',
    stops: verb === 'stop',
    starts: verb === 'start',
    changes: true,
    limitSeconds: limit_seconds,
  }),
  run: async () => ({ outcome: 'succeeded', reason: '', exitCode: 0, output: '' }),
})
const probe = (type: string, targets: Probe['targets']) =>
  defineProbe({
    type,
    summary: '',
    params: z.strictObject({ deadline_ms: z.int().default(2_000) }),
    targets,
    look: async () => ({ probe: type, verdict: 'healed', reason: '', evidence: [] }),
  })
const world = (type: string, params: z.ZodType) =>
  defineWorldGuard({
    kind: 'world',
    type,
    summary: '',
    params,
    targets: ['broker', 'exporter'],
    always: false,
    facts: async () => null,
    decide: () => ({ guard: type, verdict: 'pass', reason: '', evidence: [] }),
  })
const powers: Powers = {
  actions: [systemd, program],
  probes: [probe('kafka-api', ['broker']), probe('http-scrape', ['exporter']), programProbe],
  guards: [
    world('symptom', z.strictObject({ unit: z.literal('crashed') })),
    world('disk-free', z.strictObject({ ratio: z.number() })),
    defineOwnGuard({
      kind: 'own',
      type: 'budget',
      summary: '',
      decide: () => ({ guard: 'budget', verdict: 'pass', reason: '', evidence: [] }),
    }),
  ],
}

const CONFIG =
  'alertmanagers: [{ url: http://a:9093 }]\nsmtp: { host: h, from: a@example.org }\nreceivers: { oncall: [a@example.org], second: [b@example.org] }\n'
const INVENTORY =
  'clusters: { orders: { cluster_id: MkU3OEVBNTcwNTJENDM2Qk, bootstrap: [k:1], connection: { driver: local }, brokers: [{ id: 1, host: k, unit: k.service }] } }\n'
const RULE = `rules:
  - name: broker-down
    match: ['alertname="KafkaBrokerDown"', 'env=~"prod|stage"']
    target: { broker: from-labels }
    mode: act
    after: 10s
    runbook: start
    escalation: { to: [oncall] }
`
const RUNBOOK = `runbooks:
  start:
    symptom: { unit: crashed }
    guards: [budget, { disk-free: { ratio: 0.1 } }]
    rungs:
      - [{ systemd: { verb: start } }]
      - [{ systemd: { verb: stop } }, { systemd: { verb: start, limit_seconds: 90 } }]
    verify: [{ probe: kafka-api, within: 2m }]
    url: https://example.org/start
`

let count = 0
function load(rules: string | Record<string, string>, config = CONFIG, inventory = INVENTORY): LoadedConfiguration {
  count += 1
  const dir = join(folder, String(count))
  mkdirSync(join(dir, 'rules'), { recursive: true })
  writeFileSync(join(dir, 'config.yml'), config)
  writeFileSync(join(dir, 'inventory.yml'), inventory)
  for (const [name, text] of Object.entries(typeof rules === 'string' ? { 'kafka.yml': rules } : rules))
    writeFileSync(join(dir, 'rules', name), text)
  return loadConfiguration(join(dir, 'config.yml'), powers, {})
}

function problems(loaded: LoadedConfiguration): readonly string[] {
  const all = 'problems' in loaded ? loaded.problems : loaded.warnings
  return all.map((problem) => formatProblem(problem).replaceAll(`${folder}/${count}/`, ''))
}

function good(...args: Parameters<typeof load>): readonly Rule[] {
  const loaded = load(...args)
  if ('problems' in loaded) throw new Error(problems(loaded).join('\n'))
  return loaded.ok.rules
}

describe('rules', () => {
  it('may name whole values in the arguments of a program', () => {
    const steps = "program: { argv: [prog, '${labels.topic}', '${target.host}', '${incident.id}'] }"
    const probe = "probe: program, argv: [prog, '${target.unit}']"
    const written = RUNBOOK.replace('systemd: { verb: start }', steps).replace('probe: kafka-api', probe)
    expect(good(RULE + written)).toHaveLength(1)
  })

  it('become plans with every default filled in and the traits of each step', () => {
    const [rule] = good(RULE + RUNBOOK)

    expect(rule?.plan).toEqual({
      rule: 'broker-down',
      revision: expect.stringMatching(/^([0-9a-f]{12}-)?[0-9a-f]{12}$/),
      rank: 100,
      mode: 'act',
      afterMs: 10_000,
      targetKind: 'broker',
      selects: 'labels',
      attempts: { max: 3, backoff: { initialMs: 30_000, multiplier: 2, maxMs: 300_000 }, stableMs: 900_000 },
      escalation: {
        to: ['oncall'],
        repeatMs: 14_400_000,
        levels: [],
        tellByMs: 600_000,
        escalateAfterMs: 900_000,
        giveUpMs: 7_200_000,
        startPatienceMs: 3_600_000,
        approvalMs: 15 * 60_000,
      },
      firing: { source: 'alertmanager', maxAgeMs: null },
      runbook: {
        name: 'start',
        url: 'https://example.org/start',
        symptom: { type: 'symptom', params: { unit: 'crashed' } },
        guards: [
          { type: 'budget', params: {} },
          { type: 'disk-free', params: { ratio: 0.1 } },
        ],
        rungs: [
          [
            {
              type: 'systemd',
              params: { verb: 'start', limit_seconds: 60 },
              traits: {
                disruptive: false,
                repeatable: true,
                stops: false,
                starts: true,
                changes: true,
                limitSeconds: 60,
              },
            },
          ],
          [
            {
              type: 'systemd',
              params: { verb: 'stop', limit_seconds: 60 },
              traits: {
                disruptive: true,
                repeatable: false,
                stops: true,
                starts: false,
                changes: true,
                limitSeconds: 60,
              },
            },
            {
              type: 'systemd',
              params: { verb: 'start', limit_seconds: 90 },
              traits: {
                disruptive: false,
                repeatable: true,
                stops: false,
                starts: true,
                changes: true,
                limitSeconds: 90,
              },
            },
          ],
        ],
        verify: [{ type: 'kafka-api', withinMs: 120_000, params: { deadline_ms: 2_000 } }],
      },
    })
    expect(rule?.selector).toEqual({ kind: 'broker', from: 'labels' })
  })

  it('begin in inform', () => {
    expect(good(RULE.replace('    mode: act\n', '') + RUNBOOK)[0]?.plan.mode).toBe('inform')
  })

  it('are tried in the order of the files, and a runbook may stand in another one', () => {
    const named = (name: string) => RULE.replace('broker-down', name)

    const rules = good({
      'b.yml': named('second'),
      'a.yml': named('first'),
      'z.yml': RUNBOOK,
      'a.test.yml': 'tests: []',
      'notes.txt': 'x',
    })

    expect(rules.map(({ name }) => name)).toEqual(['first', 'second'])
  })

  const act = RULE + RUNBOOK
  it.each([
    ['a mode that is none', act.replace('mode: act', 'mode: ask'), 'rules/kafka.yml:5:11: mode: '],
    [
      'a matcher that is none',
      act.replace('env=~"prod|stage"', 'env=~"("'),
      'rules/kafka.yml:3:44: matcher "env=~\\"(\\"", character 6: the pattern',
    ],
    ['no matcher', act.replace(/match: .*/, 'match: []'), 'a rule needs at least one matcher'],
    [
      'two targets',
      act.replace('{ broker: from-labels }', '{ broker: from-labels, exporter: from-labels }'),
      '4:5: target: expected exactly one of',
    ],
    [
      'a target of its own',
      act.replace('broker: from-labels', 'broker: 1'),
      'expected from-labels (the labels name the broker) or culprit',
    ],
    [
      'a runbook that is not there',
      act.replace('runbook: start', 'runbook: strat'),
      '7:14: there is no runbook "strat" (did you mean "start"?)',
    ],
    [
      'a receiver that is not there',
      act.replace('to: [oncall]', 'to: [oncal]'),
      '8:24: there is no receiver "oncal" in',
    ],
    [
      'a level whose receiver is not there',
      act.replace('to: [oncall]', 'to: [oncall], levels: [{ to: [boss], after: 1h }]'),
      'there is no receiver "boss"',
    ],
    ['a duration that is none', act.replace('after: 10s', 'after: 10'), '6:12: after: expected a duration such as 30s'],
    [
      'more attempts than the budget ever grants',
      act.replace('runbook: start', 'attempts: { max: 7 }\n    runbook: start'),
      'expected a whole number from 1 to 6',
    ],
    [
      'a ladder that its own give_up cuts off',
      act.replace('runbook: start', 'attempts: { max: 2, backoff: { initial: 3h, max: 3h } }\n    runbook: start'),
      '7:5: attempt 2 of 2 can never begin: the back-off lets it 3h',
    ],
    [
      'matchers that no alert can satisfy together',
      act.replace('env=~"prod|stage"', 'alertname="Other"'),
      'the rule can never match: no alert can match',
    ],
    [
      'an action that is not there',
      act.replace('{ systemd: { verb: start } }', '{ systemctl: { verb: start } }'),
      '14:12: there is no action "systemctl" (did you mean "systemd"?)',
    ],
    [
      'a parameter that is not there',
      act.replace('verb: start }', 'vreb: start }'),
      'unknown key "vreb" (did you mean "verb"?)',
    ],
    [
      'a parameter with a wrong value',
      act.replace('verb: start }', 'verb: strat }'),
      'verb: expected one of start, stop, restart, got "strat" (did you mean "start"?)',
    ],
    [
      'two actions in one step',
      act.replace('{ systemd: { verb: start } }', '{ systemd: { verb: start }, program: {} }'),
      'expected one action and its parameters',
    ],
    [
      'a probe that is not there',
      act.replace('probe: kafka-api', 'probe: kafka-appi'),
      '16:23: there is no probe "kafka-appi" (did you mean "kafka-api"?)',
    ],
    [
      'a probe for another kind',
      act.replace('probe: kafka-api', 'probe: http-scrape'),
      'the probe "http-scrape" is for exporter, not for the target broker',
    ],
    [
      'a parameter that the probe lacks',
      act.replace('within: 2m', 'within: 2m, deadline: 3'),
      'unknown key "deadline"',
    ],
    [
      'a reference that is a part of a word',
      act.replace('systemd: { verb: start }', "program: { argv: [prog, 'x${labels.topic}'] }"),
      '14:36: a reference must be the whole element',
    ],
    [
      'a program that is a reference',
      act.replace('systemd: { verb: start }', "program: { argv: ['${labels.topic}'] }"),
      '14:30: the program itself must be written out',
    ],
    [
      'a reference to what a target has not',
      act.replace('systemd: { verb: start }', "program: { argv: [prog, '${target.colour}'] }"),
      '14:36: target has no colour',
    ],
    [
      'a probe that asks for a label',
      act.replace('probe: kafka-api', "probe: program, argv: [prog, '${labels.topic}']"),
      '16:45: labels is not known here, only target',
    ],
    ['no verification', act.replace(/verify: .*/, 'verify: []'), 'return codes prove nothing'],
    ['no within', act.replace(', within: 2m', ''), '"verify[0].within" is missing'],
    [
      'a guard that is not there',
      act.replace('budget,', 'bugdet,'),
      'there is no guard "bugdet" (did you mean "budget"?)',
    ],
    [
      'parameters for a guard that has none',
      act.replace('budget,', '{ budget: { max: 3 } },'),
      'the guard "budget" has no parameters',
    ],
    ['wrong parameters of a guard', act.replace('ratio: 0.1', 'ratio: much'), 'ratio: expected a number, got a string'],
    ['a symptom that is none', act.replace('unit: crashed', 'unit: tired'), 'unit: expected "crashed", got "tired"'],
    ['an empty rung', act.replace('[{ systemd: { verb: start } }]', '[]'), 'a rung needs at least one step'],
    [
      'webhook without max_age',
      act.replace('runbook: start', 'firing: { source: webhook }\n    runbook: start'),
      'needs a `max_age`',
    ],
    [
      'a source that is not configured',
      act.replace('runbook: start', 'firing: { source: prometheus }\n    runbook: start'),
      'the configuration has no `prometheus` to ask',
    ],
    ['a rule twice', RULE + RULE.replace('rules:\n', '') + RUNBOOK, 'the rule "broker-down" is already there'],
    [
      'a cluster as target of a step that cannot',
      act.replace('broker: from-labels', 'cluster: from-labels'),
      'not for the target cluster',
    ],
    ['act without a symptom', act.replace('    symptom: { unit: crashed }\n', ''), '5:11: mode act needs a `symptom`'],
  ])('with %s are refused', (_, text, expected) => {
    const loaded = load(text)

    expect('problems' in loaded).toBe(true)
    expect(problems(loaded).join('\n')).toContain(expected)
  })

  it('S-5.3 mode act without anybody to ask whether the alert still fires is refused at load', () => {
    const nobody = CONFIG.replace(/alertmanagers.*\n/, '')
    const inform = RULE.replace('mode: act', 'mode: inform') + RUNBOOK

    expect(problems(load(RULE + RUNBOOK, nobody)).join()).toContain('mode act needs somebody to ask')
    expect(good(inform, nobody)[0]?.plan.firing).toEqual({ source: 'webhook', maxAgeMs: 900_000 })
    expect(good(inform, `${nobody}prometheus: { url: http://p }\n`)[0]?.plan.firing.source).toBe('prometheus')
    const own = act.replace('runbook: start', 'firing: { source: webhook, max_age: 5m }\n    runbook: start')
    expect(good(own, nobody)[0]?.plan.firing).toEqual({ source: 'webhook', maxAgeMs: 300_000 })
  })

  it('S-2.3 mode act needs the cluster id of every cluster that the rule can reach', () => {
    const second = INVENTORY.replace(
      ' } }\n',
      ', audit: { bootstrap: [x:1], connection: { driver: local }, brokers: [{ id: 1, host: x, unit: x.service }] } }\n',
    ).replace('k.service }], audit', 'k.service }] }, audit')

    expect(problems(load(act, CONFIG, second)).join()).toContain('mode act needs the cluster_id of cluster "audit"')
    expect(good(act.replace('env=~"prod|stage"', 'cluster="orders"'), CONFIG, second)).toHaveLength(1)
  })

  it('without a way to tell anybody are refused', () => {
    expect(problems(load(act, CONFIG.replace(/smtp.*\n/, ''))).join()).toContain('nobody can be told')
  })

  it('warn of a rule that another one before it leaves nothing', () => {
    const again = RULE.replace('rules:\n', '').replace('broker-down', 'never-tried')
    const one = 'rules/kafka.yml:9:11: warning: it is never tried: the rule "broker-down" before it matches all'

    expect(problems(load(RULE + again + RUNBOOK))).toEqual([expect.stringContaining(one)])
    expect(problems(load(`${RULE}    continue: true\n${again}${RUNBOOK}`))).toEqual([])
    expect(problems(load(RULE + again.replace('"prod|stage"', '"prod|dev"') + RUNBOOK))).toEqual([])
  })

  it('warn of a cluster that the inventory does not have', () => {
    const elsewhere = RULE.replace('env=~"prod|stage"', 'cluster="oders"')

    expect(problems(load(elsewhere + RUNBOOK))).toEqual([
      'rules/kafka.yml:3:44: warning: no cluster of the inventory is called that (did you mean "orders"?)',
    ])
  })

  it('warn of a runbook that no rule uses, and still check it', () => {
    const spare = RUNBOOK.replace('start:', 'spare:').replace('runbooks:\n', '')

    expect(problems(load(RULE + RUNBOOK + spare))).toEqual([
      expect.stringContaining('warning: no rule uses the runbook "spare"'),
    ])
    expect(problems(load(RULE + RUNBOOK + spare.replace('verb: stop', 'verb: halt'))).join()).toContain('got "halt"')
  })
})

describe('the configuration as a whole', () => {
  it('tells what is wrong in all files at once, in order, each once', () => {
    const broken = RULE.replace('after: 10s', 'aftr: 10s')
    const text = { 'a.yml': broken, 'b.yml': 'rules: [', 'c.yml': RUNBOOK.replace('probe: kafka-api', 'probe: nope') }

    const found = problems(load(text, `${CONFIG}lisen: x\n`, INVENTORY.replace('unit: k.service', 'unit: k')))

    expect(found.map((line) => line.split(':')[0])).toEqual([
      'config.yml',
      'inventory.yml',
      'rules/a.yml',
      'rules/b.yml',
      'rules/c.yml',
    ])
    expect(found[2]).toBe('rules/a.yml:6:5: unknown key "aftr" (did you mean "after"?)')
  })

  it('a slip in one rule or runbook hides nothing about the others, and is told once', () => {
    const other = RULE.replace('rules:\n', '')
      .replace('broker-down', 'other')
      .replace('runbook: start', 'runbook: strt')
    const text =
      RULE.replace('after: 10s', 'aftr: 10s') +
      other +
      RUNBOOK.replace('verb: stop', 'verb: halt').replace('url:', 'link:')

    const found = problems(load(text)).map((line) => line.replace(/^.*?: /, ''))

    expect(found).toEqual([
      'unknown key "aftr" (did you mean "after"?)',
      expect.stringContaining('there is no runbook "strt"'),
      'unknown key "link"',
    ])
  })

  it('tells that there are no rules and no inventory', () => {
    count += 1
    const dir = join(folder, String(count))
    mkdirSync(dir)
    writeFileSync(join(dir, 'config.yml'), CONFIG)

    expect(problems(loadConfiguration(join(dir, 'config.yml'), powers, {}))).toEqual([
      expect.stringContaining('warning: no rules file at'),
      'inventory.yml:1:1: the file does not exist',
    ])
  })

  it('S-2.2 binds credentials only to clusters that exist', () => {
    const config = `${CONFIG}webhook: { credentials: [{ token: t, clusters: [orders, ordres] }] }\n`

    expect(problems(load(acting(), config))).toEqual([expect.stringContaining('the inventory has no cluster "ordres"')])
  })

  it('wants SSH keys that exist and are nobody else’s, as soon as a rule acts', () => {
    const ssh = INVENTORY.replace(
      'driver: local',
      `driver: ssh, user: u, key_file: id, host_key: "SHA256:${'a'.repeat(43)}"`,
    )

    expect(problems(load(acting(), CONFIG, ssh))).toEqual([
      expect.stringMatching(/^inventory.yml:1:\d+: the key file .* does not exist$/),
    ])
    expect(problems(load(acting().replace('mode: act', 'mode: inform'), CONFIG, ssh))).toEqual([
      expect.stringContaining('warning: the key file'),
    ])
    writeFileSync(join(folder, 'id'), 'key', { mode: 0o644 })
    const absolute = ssh.replace('key_file: id', `key_file: ${join(folder, 'id')}`)
    expect(problems(load(acting(), CONFIG, absolute)).join()).toContain('may be read by others (mode 644; use 600)')
  })

  it('has a revision that follows every change of what decides', () => {
    const revisionOf = (loaded: LoadedConfiguration) => ('ok' in loaded ? loaded.ok.revision.name : '')

    const first = revisionOf(load(acting()))

    expect(first).not.toBe('')
    expect(revisionOf(load(acting()))).toBe(first)
    expect(revisionOf(load(acting().replace('10s', '11s')))).not.toBe(first)
    expect(revisionOf(load(acting(), CONFIG, INVENTORY.replace('k.service', 'j.service')))).not.toBe(first)
    expect(revisionOf(load(acting(), `${CONFIG}log: { level: warn }\n`))).not.toBe(first)
    expect(revisionOf(load(acting()))).toBe(first)
  })

  function acting(): string {
    return RULE + RUNBOOK
  }
})
