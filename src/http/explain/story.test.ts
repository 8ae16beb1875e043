import { expect, it } from 'vitest'
import { planOf } from '../../../test/support/plan.ts'
import { orders, T0, UNTRACED, viewOf } from '../../../test/support/story.ts'
import type { Event } from '../../incident/event.ts'
import type { Incident } from '../../incident/incident.ts'
import type { DecisionView, IncidentView, JournalRow } from '../../store/store.ts'
import { storyOf } from './story.ts'

const MINUTE = 60_000
const occurrence = { fingerprint: 'f1', startsAt: T0 - 20_000 }
const opened = {
  type: 'opened',
  plan: planOf({ revision: 'c0ffee1' }),
  subject: orders,
  leader: null,
  occurrence,
} as const

function journal(
  ...rows: readonly (readonly [number, JournalRow['event'], Partial<Incident>])[]
): readonly JournalRow[] {
  return rows.map(([minute, event, { state = 'waiting', reason = 'after', detail = '' }], id) => ({
    id,
    at: T0 + minute * MINUTE,
    event,
    state,
    reason,
    detail,
    reducerVersion: 1,
  }))
}

function decision(id: number, minute: number, change: Partial<DecisionView> = {}): DecisionView {
  return {
    ...UNTRACED,
    id,
    kind: 'guards',
    attempt: null,
    verdict: 'refuse',
    guard: 'quorum',
    reason: 'the quorum would lose its majority',
    results: [],
    firstAt: T0 + minute * MINUTE,
    lastAt: T0 + minute * MINUTE,
    count: 1,
    ...change,
  }
}

function told(view: Partial<IncidentView>): readonly string[] {
  const { story } = storyOf(viewOf({ attempts: [], decisions: [], escalations: [], timers: [], ...view }))
  return story.map(({ at, kind, text }) => `${(at - T0) / MINUTE} ${kind} ${text}`)
}

it('tells alerts, holds, decisions, attempts, people and mails in order of time', () => {
  const guards = (event: Partial<Extract<Event, { type: 'guardsEvaluated' }>> = {}): JournalRow['event'] =>
    ({ type: 'guardsEvaluated', ...event }) as JournalRow['event']
  const view: Partial<IncidentView> = {
    journal: journal(
      [0, opened, { detail: 'waits 30 s' }],
      [1, { type: 'held', by: 'silenced by jane: disk swap' }, { reason: 'held', detail: 'silenced' }],
      [2, { type: 'released', jitterMs: 0 }, { reason: 'after' }],
      [3, { type: 'timerDue', timer: 'act' }, { state: 'checking', reason: 'guards' }],
      [3, guards(), { reason: 'refused', detail: 'the quorum would lose its majority' }],
      [4, { type: 'timerDue', timer: 'guard' }, { state: 'checking', reason: 'guards' }],
      [4, guards(), { state: 'attempting', reason: 'scheduled' }],
      [4, { type: 'attemptStarted', attempt: 1 }, { state: 'attempting', reason: 'running' }],
      [5, { type: 'takenOver', by: 'jane' }, { state: 'escalated', reason: 'takenOver', detail: 'taken over by jane' }],
      [6, { type: 'alertResolved', occurrence }, { state: 'verifying', reason: 'afterEscalation' }],
      [
        7,
        { type: 'looked' } as JournalRow['event'],
        { state: 'closed', reason: 'healed', detail: 'all probes are healed' },
      ],
    ),
    decisions: [
      decision(1, 3, { count: 4, lastAt: T0 + 3.5 * MINUTE }),
      decision(2, 4, { verdict: 'pass', guard: null, reason: 'all guards passed' }),
      decision(3, 4, { kind: 'claim', verdict: 'pass', guard: null, reason: 'all guards passed' }),
      decision(4, 4, { kind: 'step', verdict: 'pass', guard: null, reason: 'all guards passed' }),
      decision(5, 7, { kind: 'probe', verdict: 'healed', guard: null, reason: 'all probes are healed' }),
    ],
    attempts: viewOf()
      .attempts.slice(0, 1)
      .map((one) => ({ ...one, startedAt: T0 + 4 * MINUTE })),
    escalations: viewOf().escalations.map((one) => ({ ...one, createdAt: T0 + 5 * MINUTE, toldAt: T0 + 5 * MINUTE })),
  }
  expect(told(view)).toEqual([
    '0 alert KafkaBrokerDown (f1) fires since 2026-11-21 07:59:40 UTC',
    '0 incident rule broker-down (mode act, revision c0ffee1) opens the incident about orders/broker/2: waits 30 s',
    '1 hold every clock stops: silenced by jane: disk swap',
    '2 hold the hold ended',
    '3 guards refuse by quorum: the quorum would lose its majority (the same 4 times, until 2026-11-21 08:03:30 UTC)',
    '4 guards pass: all guards passed',
    '4 attempt attempt 1, rung 1: failed: the unit did not stay up',
    '5 person jane took over',
    '5 incident escalated (takenOver): taken over by jane',
    '5 told mail to oncall (escalated): 3 of 3 attempts spent: broker 2 does not answer',
    '6 alert KafkaBrokerDown (f1) is resolved',
    '7 probes healed: all probes are healed',
    '7 incident closed (healed): all probes are healed',
  ])
})

it('what the guards say as an attempt begins is told where they refuse', () => {
  expect(
    told({ journal: [], decisions: [decision(1, 1, { kind: 'claim', guard: 'budget', reason: '4 actions' })] }),
  ).toEqual(['1 guards refuse by budget: 4 actions'])
})

it('every other event that changes where it stands has its line', () => {
  const lines = told({
    journal: journal(
      [0, opened, {}],
      [1, { type: 'attached', leader: 3 }, { reason: 'attached' }],
      [2, { type: 'leads' }, { reason: 'after' }],
      [3, { type: 'alertFiring', occurrence: { fingerprint: 'unknown', startsAt: T0 } }, {}],
      [4, { type: 'urgent' }, {}],
      [5, { type: 'approved', by: 'jane', request: 2 }, { state: 'checking', reason: 'guards' }],
      [6, { type: 'retryRequested', by: 'jane', plan: planOf() }, { state: 'checking', reason: 'guards' }],
      [7, { type: 'restricted', to: 'inform', reason: 'rule changed' }, { reason: 'after' }],
      [
        8,
        { type: 'attemptInterrupted', attempt: 1, end: { outcome: 'failed', reason: 'gone', changed: false } },
        { reason: 'backoff', detail: 'again in 30 s' },
      ],
      [9, { type: 'timerDue', timer: 'giveUp' }, { state: 'escalated', reason: 'giveUp', detail: 'gave up waiting' }],
      [10, { type: 'cancelled', by: 'jane', reason: 'replaced the disk' }, { state: 'settled', reason: 'cancelled' }],
    ),
  })
  expect(lines.slice(2)).toEqual([
    '1 incident incident 3 leads on this target from here on',
    '2 incident it leads on its target from here on',
    '3 alert unknown fires',
    '4 incident partitions are offline or under their min.insync.replicas: people are told sooner',
    '5 person jane approved request 2',
    '6 person jane asked for another attempt, by the rule in force',
    '7 incident the configuration allows less: mode inform, rule changed',
    '8 attempt attempt 1 was cut off: gone',
    '8 incident waiting (backoff): again in 30 s',
    '9 incident escalated (giveUp): gave up waiting',
    '10 person jane cancelled it: replaced the disk',
    '10 incident settled (cancelled): ',
  ])
})

it('of a long story the newest 200 moments, and how many came before', () => {
  const decisions = Array.from({ length: 500 }, (_, n) => decision(n, n))
  const { story, earlier } = storyOf(viewOf({ attempts: [], escalations: [], journal: [], decisions }))
  expect([story.length, story[0]?.decision, story.at(-1)?.decision, earlier]).toEqual([200, 300, 499, 300])
})

it('looks each alert up once, however many there are', () => {
  let looks = 0
  const [known] = viewOf({}).alerts
  if (known === undefined) throw new Error('no alert')
  const alerts = Array.from({ length: 200 }, (_, n) => ({
    ...known,
    get fingerprint() {
      looks += 1
      return `f${n}`
    },
  }))
  const rows = alerts.map((_, n) => {
    const event = { type: 'alertFiring', occurrence: { fingerprint: `f${n}`, startsAt: T0 } } as JournalRow['event']
    return [n, event, {}] as const
  })
  const story = told({ journal: journal(...rows), alerts })
  expect(story[199]).toMatch(/^199 alert .*\(f199\) fires$/)
  expect(looks).toBe(200)
})
