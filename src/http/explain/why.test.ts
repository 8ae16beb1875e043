import { describe, expect, it } from 'vitest'
import { injections } from '../../../test/support/injections.ts'
import { planOf } from '../../../test/support/plan.ts'
import { incidentOf, T0, UNTRACED, viewOf } from '../../../test/support/story.ts'
import type { Incident } from '../../incident/incident.ts'
import type { ExplainedRule } from '../../rules/explain-match.ts'
import type { DecisionView, IncidentView } from '../../store/store.ts'
import { why, whyNoIncident } from './why.ts'

const NOW = T0 + 60_000
type Timers = Partial<Record<IncidentView['timers'][number]['kind'], number>>

/** Nothing was tried yet. */
function stands(change: Partial<Incident>, timers: Timers = {}, more: Partial<IncidentView> = {}): string {
  const set = Object.entries(timers).map(([kind, inMs]) => ({ incident: 12, kind, dueAt: NOW + inMs }))
  return why(
    viewOf({
      incident: incidentOf(change),
      attempts: [],
      decisions: [],
      timers: set as IncidentView['timers'],
      ...more,
    }),
    NOW,
  )
}

function decided(change: Partial<DecisionView>): DecisionView {
  return {
    ...UNTRACED,
    id: 1,
    kind: 'guards',
    attempt: null,
    verdict: 'refuse',
    guard: 'availability',
    reason: 'orders-0: 1 in sync without this broker, at least 2 wanted',
    results: [],
    firstAt: T0,
    lastAt: T0,
    count: 1,
    ...change,
  }
}

describe('why it did not act, and when it will', () => {
  it.each<[string, string]>([
    [
      stands({ state: 'waiting', reason: 'after', detail: 'waits 30 s' }, { act: 30_000 }),
      'It did not act yet: it waits for its time (waits 30 s); the guards are evaluated in 30 s (2026-11-21 08:01:30 UTC), and if all pass it acts',
    ],
    [
      stands({
        state: 'waiting',
        reason: 'after',
        detail: 'waits 30 s',
        plan: planOf({ mode: 'inform' }),
      }),
      'It did not act yet: it waits for its time (waits 30 s), and it says what it would do (mode inform)',
    ],
    [
      stands(
        { state: 'waiting', reason: 'refused' },
        { guard: 40_000, giveUp: 7_140_000 },
        { decisions: [decided({})] },
      ),
      'It did not act because availability refuses: orders-0: 1 in sync without this broker, at least 2 wanted; it will act when availability passes; the guards are evaluated again in 40 s (2026-11-21 08:01:40 UTC); it gives up in 1 h 59 min (2026-11-21 10:00:00 UTC)',
    ],
    [
      stands(
        { state: 'waiting', reason: 'evidenceMissing' },
        {},
        { decisions: [decided({ verdict: 'unknown', guard: 'identity', reason: 'kafka-2 cannot be asked' })] },
      ),
      'It did not act because identity cannot tell: kafka-2 cannot be asked; it will act when identity passes',
    ],
    [
      stands(
        { state: 'waiting', reason: 'held', held: { by: 'silenced by jane: disk swap', since: T0 } },
        {},
        {
          decisions: [
            decided({
              verdict: 'hold',
              guard: 'not-silenced',
              followed: { state: 'waiting', reason: 'held', until: NOW + 3_600_000, nextAt: null },
            }),
          ],
        },
      ),
      'It did not act because of a hold: silenced by jane: disk swap; it will start over with fresh evidence when that ends (in 1 h (2026-11-21 09:01:00 UTC))',
    ],
    [
      stands({
        state: 'waiting',
        reason: 'approval',
        detail: 'waits for approval of rung 1',
        approval: { request: 3, about: '', waives: [], askedAt: T0, expiresAt: NOW, by: null, toldAt: T0 },
      }),
      'It did not act because it waits for a person: waits for approval of rung 1; it will act when somebody approves request 3, if the guards still pass then',
    ],
    [
      stands({ state: 'waiting', reason: 'attached', leader: 7 }),
      'It did not act because incident 7 leads on this target; it will be judged anew when that one closes',
    ],
    [
      stands({ state: 'waiting', reason: 'symptomWithoutAlert', detail: 'the unit has failed' }),
      'It did not act because no alert fires any more, though the probes find it broken (the unit has failed); it will close when they find it well, or start over when an alert fires',
    ],
    [
      stands({
        state: 'settled',
        reason: 'informed',
        outcome: 'informed',
        detail: 'would have run start-broker: all guards passed',
      }),
      'It did not act because rule broker-down only informs: would have run start-broker: all guards passed; it closes when none of its alerts fires',
    ],
    [
      stands({ state: 'escalated', reason: 'identity', detail: '/data holds node 3, not 2' }, { verifyPoll: 60_000 }),
      'It did not act and does nothing more by itself (identity): /data holds node 3, not 2; it is a person’s turn; the probes look again in 1 min (2026-11-21 08:02:00 UTC)',
    ],
    [
      stands({
        state: 'closed',
        reason: 'cleared',
        outcome: 'cleared',
        detail: 'all probes are healed',
        closedAt: NOW,
      }),
      'It did not act: it was well again without that (all probes are healed); closed at 2026-11-21 08:01:00 UTC',
    ],
    [
      stands({ state: 'escalated', reason: 'unresolvable', detail: 'the inventory has no cluster "x"', owner: 'jane' }),
      'It did not act and does nothing more by itself (unresolvable): the inventory has no cluster "x"; jane has taken over, and it closes once the probes find it well',
    ],
  ])('%s', (said, wanted) => {
    expect(said).toBe(wanted)
  })
})

describe('what it did', () => {
  const acted = (change: Partial<Incident>, timers: Timers = {}) =>
    stands(change, timers, { attempts: viewOf().attempts })

  it.each<[string, string]>([
    [
      acted({ state: 'waiting', reason: 'backoff', detail: 'attempt 3 failed' }, { act: 60_000 }),
      'It acted (3 attempts, the last one failed), without success: attempt 3 failed; it will try again in 1 min (2026-11-21 08:02:00 UTC), if guards and symptom let it',
    ],
    [
      acted({ state: 'verifying', attempts: 3, detail: 'it is starting' }, { verifyPoll: 5_000 }),
      'It acted (3 attempts, the last one failed), and the probes look whether that helped: it is starting; it is looked at again in 5 s (2026-11-21 08:01:05 UTC)',
    ],
    [
      acted({ state: 'probation', attempts: 3 }, { probationEnd: 900_000 }),
      'It acted (3 attempts, the last one failed) and it is well; the watch ends in 15 min (2026-11-21 08:16:00 UTC)',
    ],
    [
      acted({ state: 'closed', reason: 'healed', outcome: 'healed', healedAt: T0, closedAt: NOW }),
      'It acted and healed it at 2026-11-21 08:00:00 UTC with 3 attempts; closed at 2026-11-21 08:01:00 UTC',
    ],
    [acted({ state: 'attempting', reason: 'running', attempt: 4 }), 'It is acting: attempt 4 runs'],
  ])('%s', (said, wanted) => {
    expect(said).toBe(wanted)
  })
})

describe('an alert without an incident', () => {
  const rule = (opens: ExplainedRule['opens']): ExplainedRule => ({
    rule: 'broker-down',
    result: opens ? 'matches' : 'fails',
    failing: [],
    continues: false,
    skipped: null,
    opens,
  })
  const subject = { kind: 'broker', key: 'orders/broker/2', cluster: 'orders', target: 'orders/broker/2' } as const
  const opens = { mode: 'act', runbook: 'start-broker', subject, how: 'broker_id' } as const
  const problem = 'the inventory has no cluster "x"'
  const nothing = { kind: 'unresolved', key: 'unresolved:f', cluster: null, problem } as const

  it.each<[string, readonly ExplainedRule[], 'firing' | 'resolved' | null, string]>([
    ['no rule', [rule(null)], 'firing', 'It did not act because no rule matches (1 tried)'],
    [
      'a target that is unknown',
      [rule({ ...opens, subject: nothing, how: problem })],
      'firing',
      'It did not act because rule broker-down matches, but the inventory has no cluster "x"',
    ],
    [
      'by hand',
      [rule(opens)],
      null,
      'It would run start-broker on orders/broker/2 (rule broker-down, mode act), if its guards pass then',
    ],
    [
      'by hand, in mode inform',
      [rule({ ...opens, mode: 'inform' })],
      null,
      'It would only tell about orders/broker/2 (rule broker-down, mode inform), if its guards pass then',
    ],
    [
      'resolved',
      [rule(opens)],
      'resolved',
      'It did not act because the alert is resolved, and no incident is known that had it',
    ],
    [
      'firing, just now',
      [rule(opens)],
      'firing',
      'It did not act because no incident has the alert yet; rule broker-down matches it now and would run start-broker on orders/broker/2',
    ],
  ])('%s', (_name, rules, status, wanted) => {
    expect(whyNoIncident(rules, status)).toBe(wanted)
  })
})

it('is one line of plain text, whatever alerts, guards and people write', () => {
  for (const evil of [...injections, 'a\u001b[2Jb', 'x\u202ey', 'line\u2028two', '\u0000']) {
    const incident = { detail: evil, owner: evil, plan: planOf({ rule: evil }) }
    // oxlint-disable-next-line no-control-regex
    for (const said of [
      stands({ ...incident, state: 'escalated', reason: 'giveUp' }),
      stands({ ...incident, state: 'settled', outcome: 'informed' }),
      stands({ ...incident, state: 'waiting', reason: 'held', held: { by: evil, since: T0 } }),
      stands(
        { ...incident, state: 'waiting', reason: 'refused' },
        {},
        { decisions: [decided({ guard: evil, reason: evil })] },
      ),
    ])
      expect(said).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e]/u)
  }
})
