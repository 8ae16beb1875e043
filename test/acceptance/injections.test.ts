import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { waitFor } from '../lab/wait.ts'
import { history, incidents } from '../support/api.ts'
import { injections } from '../support/injections.ts'
import { readMail } from '../support/mime.ts'
import type { RuleFile } from '../support/rules.ts'
import { type SmallLab, smallRules, startSmallLab } from '../support/small-lab.ts'

const script = join(import.meta.dirname, 'arguments-step.sh')

/** Besides what every other test of arguments sends. `MARKER` is a file that exists only if something was executed. */
const hostile = (marker: string): readonly string[] => [
  ...injections.map((value) => value.replaceAll('/tmp/pwned', marker)),
  `$(touch ${marker})`,
  `;reboot; touch ${marker}`,
  '--limit all',
  `-oProxyCommand=touch ${marker}`,
  '../..',
  '../../etc/passwd',
  '{{ .Labels }}{{7*7}}',
  '${labels.x}',
  'all',
  '*',
  'fe80::1%eth0',
  '🦀🔥',
  '<img src=x onerror=alert(1)>',
  'x"><script>alert(1)</script>',
  'a\r\nBcc: evil@example.org\r\n\r\nbody',
]
/** What can never be an argument: control characters, nothing at all, more than anybody reads, an option where none may be. */
const impossible: Readonly<Record<string, string>> = {
  'bad-newline': 'one\ntwo',
  'bad-long': 'x'.repeat(65_536),
  'bad-empty': '',
  'bad-option': '-oProxyCommand=id',
}
const places = ['target', 'local'] as const

let small: SmallLab
let marker: string
let values: readonly string[]

beforeAll(async () => {
  small = await startSmallLab(
    [...places.map((where) => `args-${where}`), 'nul', ...Object.keys(impossible)],
    smallRules(),
  )
  marker = join(small.lab.state.dir, 'executed')
  // Those that may be an argument; the others have their cases below.
  values = hostile(marker).filter((value) => value !== '' && !/\p{Cc}/u.test(value))
  writeFileSync(join(small.lab.healingFolder, 'rules', 'kafka.yml'), stringify(rules()))
  expect((await small.service.post('/-/reload', {})).status).toBe(200)
}, 120_000)
afterAll(async () => {
  await small?.end()
})
afterEach((context) => {
  if (context.task.result?.state === 'fail') console.error(small.service.output().slice(-10_000))
})

function fileOf(unit: string): string {
  return join(small.lab.state.dir, `${unit}.arguments`)
}

function rules(): RuleFile {
  const [rule = {}] = smallRules().rules
  const runbook = smallRules().runbooks['start-unit'] ?? {}
  const all = values.map((_value, index) => `\${labels.p${index}}`)
  const argvs: Record<string, readonly string[]> = {
    ...Object.fromEntries(places.map((where) => [`args-${where}`, [script, fileOf(`args-${where}`), '--', ...all]])),
    ...Object.fromEntries(
      ['nul', ...Object.keys(impossible)].map((unit) => [unit, [script, fileOf(unit), '${labels.payload}']]),
    ),
  }
  return {
    rules: [
      ...Object.keys(argvs).map((unit) => ({
        ...rule,
        name: unit,
        match: ['alertname="SmallUnitDown"', `case="${unit}"`],
        attempts: { max: 1, stable: '1s' },
        runbook: unit,
      })),
      { ...rule, name: 'anything', match: ['alertname!="SmallUnitDown"'] },
    ],
    runbooks: {
      'start-unit': runbook,
      ...Object.fromEntries(
        Object.entries(argvs).map(([unit, argv]) => [
          unit,
          {
            ...runbook,
            rungs: [[{ program: { argv, where: unit === 'args-local' ? 'local' : 'target', limit: 20 } }]],
          },
        ]),
      ),
    },
  }
}

async function fire(unit: string, labels: Readonly<Record<string, string>>): Promise<void> {
  await small.lab.signalUnit(`${unit}.service`, 'SIGKILL')
  const alert = small.alertOf(unit)
  const annotations = { summary: hostile(marker).join(' '), runbook_url: 'javascript:alert(1)' }
  await small.post([{ ...alert, labels: { ...alert.labels, case: unit, ...labels }, annotations }])
}

describe('labels of others', () => {
  it.each(places)(
    'become whole arguments of a program on the %s side, character by character',
    async (where) => {
      const unit = `args-${where}`
      await fire(unit, Object.fromEntries(values.map((value, index) => [`p${index}`, value])))
      const arrived = await waitFor(
        'the arguments',
        () => existsSync(fileOf(unit)) && readFileSync(fileOf(unit), 'utf8'),
        30_000,
      )
      expect(arrived.split('\0').slice(0, -1)).toEqual(values)
      await small.stands(unit, (view) => view.attempts.length === 1 && view.attempts[0]?.status !== 'started')
    },
    60_000,
  )

  it.each(Object.entries(impossible))(
    '%s: what cannot be an argument runs nothing, and a person is told why',
    async (unit, payload) => {
      await fire(unit, { payload })
      const view = await small.stands(unit, (one) => one.incident.state === 'escalated')
      expect(existsSync(fileOf(unit))).toBe(false)
      const steps = view.attempts.flatMap((attempt) => attempt.steps)
      expect(steps.map((step) => step.result?.reason)).toEqual([expect.stringContaining('labels.payload')])
    },
    60_000,
  )

  it('a NUL, which no argument can hold, is escaped when the alert is stored', async () => {
    await fire('nul', { payload: 'one\u0000two' })
    const arrived = await waitFor(
      'the argument',
      () => existsSync(fileOf('nul')) && readFileSync(fileOf('nul'), 'utf8'),
      30_000,
    )
    expect(arrived).toBe('one\\u0000two\0')
  }, 60_000)

  it('S-2.1 choose no target that the inventory does not name, and widen none', async () => {
    const before = (await history(small.service, '?limit=1000')).length
    const alerts = hostile(marker).flatMap((value, index) =>
      ['exporter', 'cluster', 'instance', 'host'].map((label) => ({
        labels: { alertname: 'Hostile', try: String(index), cluster: 'orders', [label]: value },
        startsAt: Date.now(),
      })),
    )
    await small.post(alerts)
    const opened = await waitFor(
      'all of them',
      async () => {
        const all = (await incidents(small.service, '?limit=1000')).filter((one) => one.rule === 'anything')
        return all.length === alerts.length && all.every((one) => one.state === 'escalated') && all
      },
      30_000,
    )
    expect(new Set(opened.map((one) => one.reason))).toEqual(new Set(['unresolvable']))
    expect((await history(small.service, '?limit=1000')).length).toBe(before)
  }, 60_000)

  it('leave headers and HTML of every mail whole', async () => {
    const told = await waitFor(
      'the mails',
      () => {
        const mails = small.lab.mails()
        return mails.length >= Object.keys(impossible).length + 1 && mails
      },
      30_000,
    )
    for (const { raw } of told) {
      const mail = readMail(raw)
      const names = mail.rawHeaders.map((header) => header.slice(0, header.indexOf(':')).toLowerCase())
      expect(names.filter((name) => ['subject', 'from', 'to', 'message-id'].includes(name)).toSorted()).toEqual([
        'from',
        'message-id',
        'subject',
        'to',
      ])
      expect(names).not.toContain('bcc')
      const html = mail.html ?? ''
      expect(html).not.toMatch(/<(script|img)\b/i)
      expect(html).not.toMatch(/href="(?!https?:)/i)
      // Every tag is one of ours.
      const tags = new Set([...html.matchAll(/<\/?([a-z0-9]+)/gi)].map(([, tag]) => tag?.toLowerCase()))
      expect([...tags].filter((tag) => !OURS.has(tag ?? ''))).toEqual([])
    }
  }, 60_000)

  it('executed nothing', () => {
    expect(existsSync(marker)).toBe(false)
    expect(existsSync('/tmp/pwned')).toBe(false)
  })
})

const OURS: ReadonlySet<string> = new Set(
  'html head meta title body style div p span strong em br hr h1 h2 h3 table tbody thead tr th td ul ol li a pre code b'.split(
    ' ',
  ),
)
