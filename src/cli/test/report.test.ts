import { describe, expect, it } from 'vitest'
import type { Item } from '../../rule-tests/coverage.ts'
import type { TestResult } from '../../rule-tests/run.ts'
import { paintFor, plain } from '../terminal.ts'
import { junitXml } from './junit.ts'
import { exitCodeOf, type FileReport, type Report, renderJson, renderText } from './report.ts'

const file = 'rules/kafka.test.yml'

const passed: TestResult = {
  name: 'a crashed broker is started',
  position: { line: 4, column: 5 },
  failures: [],
  trace: [{ afterMs: 30_000, incident: 1, text: 'opened by broker-down', times: 1, lastAfterMs: 30_000 }],
  failedAtMs: null,
  coverage: null,
  speaksOf: new Set(['broker-down']),
  tookMs: 12.4,
}

const failed: TestResult = {
  ...passed,
  name: 'a hung broker is "left alone" <&>',
  position: { line: 20, column: 5 },
  failures: [
    {
      file,
      line: 31,
      column: 11,
      message: 'at 1m, the incident of broker-hung on orders/broker/2 is not as expected',
      diff: [
        { sign: ' ', text: 'rule: broker-hung' },
        { sign: '-', text: 'state: waiting' },
        { sign: '+', text: 'state: escalated' },
      ],
    },
    { file, line: 40, column: 9, message: 'at 2m, something happened', diff: [] },
  ],
  trace: [
    { afterMs: 0, incident: null, text: 'the alert\u0007 fires', times: 1, lastAfterMs: 0 },
    { afterMs: 30_000, incident: 1, text: 'guards: refused by symptom', times: 3, lastAfterMs: 37_000 },
    { afterMs: 300_000, incident: 1, text: 'later than what failed', times: 1, lastAfterMs: 300_000 },
  ],
  failedAtMs: 120_000,
}

const reportOf = (results: readonly TestResult[], more: Partial<Report> = {}): Report => ({
  files: [{ loaded: { file, problems: [], under: null }, results, tookMs: 1_234 }],
  coverage: null,
  coverageMin: null,
  ...more,
})

const unloaded: FileReport = {
  loaded: {
    file: 'rules/broken.test.yml',
    problems: [
      { file: 'rules/broken.test.yml', line: 1, column: 1, message: 'there is no test in it', severity: 'error' },
    ],
    under: null,
  },
  results: [],
  tookMs: 1,
}

const item = (more: Partial<Item>): Item => ({
  kind: 'guard',
  rule: 'broker-down',
  name: 'symptom',
  wanted: 'passes',
  touched: true,
  place: { file: 'rules/kafka.yml', line: 8, column: 5 },
  ...more,
})

const items = [
  item({ kind: 'rule', name: '', wanted: 'opens an incident' }),
  item({}),
  item({ wanted: 'objects', touched: false }),
  item({ name: 'identity', wanted: 'objects', touched: false }),
  item({
    kind: 'rung',
    name: 'rung 2 of start-broker',
    wanted: 'runs to its end',
    touched: false,
    place: { file: 'rules/kafka.yml', line: 83, column: 9 },
  }),
]
const untested = [
  item({ kind: 'rule', rule: 'broker-hung', name: '', wanted: 'opens an incident', touched: false }),
  item({ rule: 'broker-hung', touched: false }),
]

describe('the text', () => {
  it('is a line for what passed', () => {
    expect(renderText(reportOf([passed]), plain, false)).toBe(
      'passed  rules/kafka.test.yml: 1 test, 1.23 s\n\n1 test passed\n',
    )
  })

  it('says of what failed where, what was expected, what came, and what had happened until then', () => {
    expect(
      renderText(reportOf([passed, failed]), plain, false),
    ).toBe(`failed  rules/kafka.test.yml: 1 of 2 tests, 1.23 s

FAIL  a hung broker is "left alone" <&>  (rules/kafka.test.yml:20:5)
rules/kafka.test.yml:31:11: at 1m, the incident of broker-hung on orders/broker/2 is not as expected
    rule: broker-hung
  - state: waiting
  + state: escalated
rules/kafka.test.yml:40:9: at 2m, something happened
  what happened:
     0s  the alert� fires
    30s  #1 guards: refused by symptom (3 times, last at 37s)

1 of 2 tests failed
`)
  })

  it('shows the whole trace of every test when asked to', () => {
    const text = renderText(reportOf([passed, failed]), plain, true)

    expect(text).toContain(
      'PASS  a crashed broker is started  (rules/kafka.test.yml:4:5)\n  what happened:\n    30s  #1',
    )
    expect(text).toContain('     5m  #1 later than what failed')
  })

  it('cuts a long trace to what came last', () => {
    const trace = Array.from({ length: 100 }, (_, n) => ({
      afterMs: n * 1_000,
      incident: 1,
      text: `line ${n}`,
      times: 1,
      lastAfterMs: n * 1_000,
    }))
    const text = renderText(reportOf([{ ...failed, trace }]), plain, false)

    expect(text).toContain('    60 earlier lines are not shown; --trace shows all\n       1m  #1 line 60\n')
    expect(text).not.toContain('line 59')
  })

  it('says which file could not be tested and why', () => {
    const { files } = reportOf([passed])

    expect(renderText({ ...reportOf([]), files: [...files, unloaded] }, plain, false)).toBe(
      `passed  rules/kafka.test.yml: 1 test, 1.23 s

cannot be tested  rules/broken.test.yml
rules/broken.test.yml:1:1: there is no test in it

1 test passed, 1 file could not be tested
`,
    )
  })

  it('lists what no test touches', () => {
    const report = reportOf([passed], { coverage: [...items, ...untested], coverageMin: 60 })

    expect(renderText(report, plain, false)).toContain(`
covered: rules 50 % (1 of 2), guards 25 % (1 of 4), rungs 0 % (0 of 1)
wanted: 60 % of each
rules/kafka.yml:83:9: rung 2 of start-broker never runs to its end
rules/kafka.yml:8:5: rule broker-down: these guards never object: symptom, identity
rules/kafka.yml:8:5: rule broker-hung: no test opens an incident of it
`)
  })

  it('is coloured for a terminal only', () => {
    const colours = paintFor({ isTTY: true }, {})

    expect(renderText(reportOf([failed]), colours, false)).toContain('\u001b[31m  - state: waiting\u001b[39m')
    expect(renderText(reportOf([failed]), paintFor({ isTTY: true }, { NO_COLOR: '1' }), false)).not.toContain('\u001b')
  })
})

describe('the exit code', () => {
  it.each([
    [0, 'all passed', reportOf([passed])],
    [1, 'one failed', reportOf([passed, failed])],
    [2, 'nothing was tested', reportOf([])],
    [2, 'a file could not be loaded', { ...reportOf([]), files: [...reportOf([failed]).files, unloaded] }],
    [1, 'too little is covered', reportOf([passed], { coverage: items, coverageMin: 51 })],
    [1, 'one kind is covered too little', reportOf([passed], { coverage: items, coverageMin: 1 })],
    [0, 'enough is covered', reportOf([passed], { coverage: items.slice(0, 2), coverageMin: 100 })],
    [0, 'coverage was only asked for', reportOf([passed], { coverage: items })],
  ])('is %i when %s', (code, _, report) => {
    expect(exitCodeOf(report)).toBe(code)
  })
})

describe('JSON', () => {
  it('holds all of it for programs', () => {
    const parsed: unknown = JSON.parse(renderJson(reportOf([passed, failed], { coverage: items, coverageMin: 60 })))

    expect(parsed).toMatchObject({
      ok: false,
      tests: 2,
      failed: 1,
      files: [
        {
          file,
          problems: [],
          tests: [
            { name: 'a crashed broker is started', line: 4, column: 5, ok: true, tookMs: 12, failures: [] },
            { ok: false, failures: [{ line: 31, diff: [{ sign: ' ' }, { sign: '-' }, { sign: '+' }] }, { line: 40 }] },
          ],
        },
      ],
      coverage: {
        min: 60,
        guards: { touched: 1, of: 3, percent: 33 },
        gaps: [{ name: 'symptom', wanted: 'objects', line: 8 }, { name: 'identity' }, { line: 83 }],
      },
    })
  })
})

describe('JUnit XML', () => {
  it('is what CI systems read, with everything escaped', () => {
    const { files } = reportOf([passed, failed])

    expect(junitXml({ ...reportOf([]), files: [...files, unloaded] })).toBe(
      `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="kafka-healing test" tests="3" failures="1" errors="1" time="1.235">\
<testsuite name="rules/kafka.test.yml" tests="2" failures="1" errors="0" time="1.234" skipped="0">\
<testcase name="a crashed broker is started" classname="rules/kafka.test.yml" file="rules/kafka.test.yml" line="4" time="0.012"/>\
<testcase name="a hung broker is &quot;left alone&quot; &lt;&amp;&gt;" classname="rules/kafka.test.yml" file="rules/kafka.test.yml" line="20" time="0.012">\
<failure type="expectation" message="at 1m, the incident of broker-hung on orders/broker/2 is not as expected">\
rules/kafka.test.yml:31:11: at 1m, the incident of broker-hung on orders/broker/2 is not as expected&#10;\
    rule: broker-hung&#10;  - state: waiting&#10;  + state: escalated&#10;\
rules/kafka.test.yml:40:9: at 2m, something happened&#10;\
0s  the alert\uFFFD fires&#10;30s  #1 guards: refused by symptom (3 times, last at 37s)\
</failure></testcase></testsuite>\
<testsuite name="rules/broken.test.yml" tests="1" failures="0" errors="1" time="0.001" skipped="0">\
<testcase name="can be loaded" classname="rules/broken.test.yml" file="rules/broken.test.yml" line="1" time="0">\
<error type="load" message="rules/broken.test.yml:1:1: there is no test in it">rules/broken.test.yml:1:1: there is no test in it</error>\
</testcase></testsuite></testsuites>
`,
    )
  })

  it('holds no character that XML forbids, whatever stands in a name', () => {
    const name = '\u0000\u001b[31m\uD800x\uFFFE\u{1F525}]]>'
    const xml = junitXml(reportOf([{ ...passed, name }]))

    expect(xml).toContain(`name="\uFFFD\uFFFD[31m\uFFFDx\uFFFD\u{1F525}]]&gt;"`)
  })
})
