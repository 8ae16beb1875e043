import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { present } from '../../http/present.ts'
import { RuleAnswer } from '../../http/rule-shapes.ts'
import type { Mode } from '../../incident/plan.ts'
import type { Facts, TrackGroup } from '../../incident/track.ts'
import { reportOf, type Tally } from '../../rules/report.ts'
import { suggest } from '../../rules/suggest.ts'
import type { Screen } from '../client/session.ts'
import { plain } from '../terminal.ts'
import { ruleLines, ruleListLines } from './lines.ts'

const DAY = 86_400_000
const NOW = Date.UTC(2026, 10, 21, 12)
const screen: Screen = { now: NOW, zone: 'UTC', paint: plain, columns: null }
const window = present({ since: NOW - 30 * DAY, until: NOW })

const nothing: Facts = {
  mode: 'inform',
  would: null,
  refusedBy: [],
  followed: false,
  held: false,
  approval: null,
  attempts: 0,
  failed: false,
  escalated: [],
  relapsed: false,
  overridden: [],
  outcome: 'informed',
  healer: null,
}
const some = (incidents: number, change: Partial<Facts>): TrackGroup => ({
  rule: '',
  cluster: 'orders',
  facts: { ...nothing, ...change },
  incidents,
  alerts: incidents,
  oldestAt: NOW - 26 * DAY,
})

function rule(
  about: { readonly name: string; readonly order: number; readonly mode: Mode; readonly demotedOn?: string },
  tally: Partial<Tally>,
): RuleAnswer {
  const { name, order, mode, demotedOn } = about
  const whole = { groups: [], fromOpeningMs: [], fromAttemptMs: [], ...tally }
  const report = reportOf([whole])
  const demotions =
    demotedOn === undefined
      ? []
      : [
          {
            id: 1,
            rule: name,
            cluster: 'orders',
            target: demotedOn,
            at: NOW - DAY,
            reason: '3 incidents failed on it in 24 h',
          },
        ]
  return RuleAnswer.parse(
    present({
      name,
      order,
      mode,
      effectiveMode: mode,
      demotions,
      rank: 10 * order,
      runbook: `${name}-runbook`,
      revision: '4f2c1d9',
      report,
      clusters: [{ cluster: 'orders', effectiveMode: mode, report }],
      suggestion: suggest(mode, report, demotedOn === undefined ? [] : [demotedOn]),
    }),
  )
}

const down = rule(
  { name: 'broker-down', order: 1, mode: 'inform' },
  {
    groups: [
      some(4, { would: 'act', healer: 'sameRemedy' }),
      some(1, { would: 'act', outcome: null }),
      some(1, { would: 'refuse', refusedBy: ['identity'], healer: 'sameRemedy' }),
      some(2, { healer: 'otherwise' }),
    ],
  },
)
const exporter = rule(
  { name: 'exporter-down', order: 2, mode: 'approve' },
  {
    groups: [
      some(3, { approval: 'given', attempts: 1, outcome: 'healed', healer: 'us' }),
      some(1, { approval: 'asked', outcome: 'cleared', healer: 'sameRemedy' }),
    ],
    fromOpeningMs: [252_000, 310_000, 95_000],
    fromAttemptMs: [4_000, 6_000, 3_000],
  },
)
const hung = rule(
  { name: 'broker-hung', order: 3, mode: 'act', demotedOn: 'orders/broker/2' },
  {
    groups: [
      some(2, { attempts: 1, outcome: 'healed', healer: 'us' }),
      some(3, { attempts: 3, failed: true, escalated: ['exhausted'], outcome: 'cleared', healer: 'unknown' }),
      some(1, { overridden: ['takenOver'], refusedBy: ['availability'], outcome: 'cancelled' }),
    ],
    fromOpeningMs: [400_000, 500_000],
    fromAttemptMs: [200_000, 300_000],
  },
)

const text = (lines: readonly string[]) => `${lines.join('\n')}\n`
const list = () => text(ruleListLines({ ...window, items: [down, exporter, hung] }, screen))

describe('the list', () => {
  it('has one line for each rule in their order, and what each has earned', () => {
    expect(list()).toMatchInlineSnapshot(`
      "Incidents opened in the last 30 d:

      #  RULE           MODE                 MATCHED  WOULD ACT  ACTED  HEALED  FAILED  CLEARED  OVERRULED  HEALS IN    REFUSED BY
      1  broker-down    inform               8        5          0      0       0       7        0                      identity 1
      2  exporter-down  approve              4        0          3      3       0       1        0          4 min 12 s
      3  broker-hung    act, partly demoted  6        0          5      2       3       0        1          6 min 40 s  availability 1

      broker-down: has earned mode approve, it has inform
        - 6 incidents in which its guards were asked
        - 5 incidents in which it would have acted
        - it was never well again without what it would have done; 4 of 5 times somebody did the same
        - no guard would have refused more than half of them

      exporter-down: not ready for mode act
        · not enough seen yet: 3 of 5 incidents healed by an approved attempt

      broker-hung: should go down from act to approve
        - failed in 3 of 5 that it tried
      "
    `)
  })

  it('says so when there is none', () => {
    expect(ruleListLines({ ...window, items: [] }, screen)).toEqual(['No rules are in force.'])
  })

  it.each([60, 80, 100])('fits %i cells', (columns) => {
    for (const line of ruleListLines({ ...window, items: [down, exporter, hung] }, { ...screen, columns }))
      expect(line.length, line).toBeLessThanOrEqual(columns)
  })
})

describe('one rule', () => {
  it('shows all that was counted, and no zeros', () => {
    expect(text(ruleLines({ ...window, ...exporter }, screen))).toMatchInlineSnapshot(`
      "exporter-down
        mode approve, rule 2, rank 20, runbook exporter-down-runbook, revision 4f2c1d9

      Incidents opened in the last 30 d, the first 26 d ago:
        matched       4  with 4 alerts
        approvals     4  given in 3, never in 1
        acted         3  3 attempts
        healed        3
        cleared       1  somebody did the same in 1
        time to heal  from opening: median 4 min 12 s, nine in ten within 5 min 10 s
                      from the first attempt: median 4 s, nine in ten within 6 s

      exporter-down: not ready for mode act
        · not enough seen yet: 3 of 5 incidents healed by an approved attempt
      "
    `)
    expect(text(ruleLines({ ...window, ...hung }, screen))).toMatchInlineSnapshot(`
      "broker-hung
        mode act, partly demoted, rule 3, rank 30, runbook broker-hung-runbook, revision 4f2c1d9
        only informs on orders/broker/2 since 2026-11-20 12:00:00 +00:00: 3 incidents failed on it in 24 h

      Incidents opened in the last 30 d, the first 26 d ago:
        matched         6  with 6 alerts
        refused by      availability 1
        acted           5  11 attempts
        healed          2
        failed          3
        overruled       1  taken over in 1
        handed over as  exhausted 3
        time to heal    from opening: median 6 min 40 s, nine in ten within 8 min 20 s
                        from the first attempt: median 3 min 20 s, nine in ten within 5 min

      broker-hung: should go down from act to approve
        - failed in 3 of 5 that it tried
      "
    `)
  })

  it('shows each cluster where there are several', () => {
    const [one] = exporter.clusters
    if (!one) throw new Error('no cluster')
    const two = { ...exporter, clusters: [one, { ...one, cluster: 'logs', effectiveMode: 'inform' as const }] }
    const lines = ruleLines({ ...window, ...two }, screen)
    expect(
      lines.filter((line) => /^(CLUSTER|orders|logs) /.test(line)).map((line) => line.split(/ {2,}/).slice(0, 3)),
    ).toEqual([
      ['CLUSTER', 'MODE', 'MATCHED'],
      ['orders', 'approve', '4'],
      ['logs', 'inform', '4'],
    ])
  })

  it('what stands in names obeys no terminal', () => {
    const lines = ruleLines({ ...window, ...exporter, name: 'a\u001b[2Jb', runbook: 'x\u202ey' }, screen)
    for (const evil of ['\u001b', '\u202e']) expect(lines.join('\n')).not.toContain(evil)
  })
})

it('docs/graduation.md shows this output', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/graduation.md'), 'utf8')
  expect(page).toContain(list())
  expect(page).toContain(text(ruleLines({ ...window, ...exporter }, screen)))
})
