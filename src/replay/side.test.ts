import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { startStep } from '../../test/support/plan.ts'
import { firing, HOUR, inventoryOf, MINUTE, ruleOf, SECOND, setOf, T0 } from '../../test/support/record.ts'
import type { Alert } from '../alert/alert.ts'
import { advance } from '../engine/advance.ts'
import { decideOwn } from '../engine/looker.ts'
import { rungOf } from '../incident/plan.ts'
import { decisionOf } from '../incident/summary.ts'
import type { GuardResult } from '../incident/verdict.ts'
import type { RecordedAlert } from '../store/recorded.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { LookTask, NewSilence, Store } from '../store/store.ts'
import { type RuleSet, treats } from './rule-set.ts'
import { Side } from './side.ts'
import { RecordedWorld } from './world.ts'

/**
 * The store is what counts; a side does in memory what it does in rows. Both are run over the same alerts, in a world that is
 * broken while they fire, and must do the same.
 */

interface Done {
  readonly rule: string
  readonly target: string
  readonly what: string
  readonly at: number
}

const inventory = inventoryOf({ orders: 2, billing: 1 })
/** The store asks probes every few seconds; a side knows when they will say something else. */
const POLL_MS = 6 * SECOND

async function byStore(
  set: RuleSet,
  changes: readonly RecordedAlert[],
  silences: readonly NewSilence[],
  until: number,
) {
  const store = await openSqliteStore({ path: ':memory:' })
  const done: Done[] = []
  const labels = new Map(changes.map((one) => [one.fingerprint, one.labels]))
  let now = T0
  const openings = (alert: Alert) =>
    treats(set, { ...alert, labels: labels.get(alert.fingerprint) ?? {}, credential: null })
  const settle = async (): Promise<number | null> => {
    for (;;) {
      const next = await advance(store, now, {
        openings: ({ alert }) => openings(alert),
        onMoved: ({ before, incident }) => {
          const { plan, target, reason, round, state } = incident
          if (state === 'escalated' && before?.round !== round)
            done.push({ rule: plan.rule, target: target ?? '', what: reason, at: now })
        },
      })
      if (!(await answer(store, now, done))) return next
    }
  }
  const run = async (to: number): Promise<void> => {
    for (let next = await settle(); next !== null && next < to; next = await settle()) now = Math.max(now, next)
    now = to
  }
  for (const silence of silences) await store.createSilence(silence, now)
  for (const [at, together] of Map.groupBy(changes, (one) => one.at)) {
    await run(at)
    const alerts = together.map(({ change, fingerprint, labels, startsAt, endsAt }): Alert => {
      const status = change === 'resolved' ? 'resolved' : 'firing'
      return { status, fingerprint, labels, startsAt, endsAt, annotations: {}, generatorURL: '' }
    })
    const delivery = {
      receiver: 'r',
      groupKey: 'g',
      status: 'firing',
      externalURL: '',
      truncatedAlerts: 0,
      alerts,
    } as const
    await store.storeDeliveries([{ delivery, rawBody: '{}', credential: null }], at)
    await settle()
  }
  await run(until)
  await store.close()
  return done
}

async function answer(store: Store, now: number, done: Done[]): Promise<boolean> {
  const task = await store.claimLook('test', now, MINUTE)
  if (task?.kind === 'guards') {
    const results = await guardsOf(store, task, now)
    const moved = await store.guardsEvaluated(task, decisionOf(results), results, null, now)
    told(moved, now, done)
  } else if (task) {
    const broken = task.incident.firing.length > 0
    const seen = {
      verdict: broken ? 'broken' : 'healed',
      reason: '',
      mark: null,
      starting: false,
      process: null,
      conclusive: false,
      withinMs: task.incident.plan.runbook.verify[0]?.withinMs ?? 0,
      symptom: broken,
      invocation: null,
    } as const
    told(await store.looked(task, seen, [], [], now), now, done)
  }
  if (task) return true
  const claimed = await store.claimAttempt('test', now, MINUTE, decideOwn)
  if (!claimed) return false
  if ('refused' in claimed) return true
  const { rule } = claimed.incident.plan
  done.push({ rule, target: claimed.targetKey, what: `rung ${claimed.rung}`, at: now })
  for (const index of claimed.steps.keys()) {
    await store.startStep(claimed, index + 1, now)
    await store.finishStep(claimed, index + 1, { outcome: 'succeeded', reason: '', exitCode: 0, output: '' }, now)
  }
  await store.finishAttempt(claimed, { outcome: 'succeeded', reason: '', changed: true }, now)
  return true
}

function told(moved: Awaited<ReturnType<Store['looked']>>, at: number, done: Done[]): void {
  if (moved?.incident.state !== 'escalated' || moved.before?.round === moved.incident.round) return
  const { plan, target, reason } = moved.incident
  done.push({ rule: plan.rule, target: target ?? '', what: reason, at })
}

async function guardsOf(store: Store, { incident }: LookTask, now: number): Promise<readonly GuardResult[]> {
  const { target, subject, plan, targetAttempts } = incident
  const facts = await store.ownFacts(incident.id, target, subject.cluster, now)
  const disruptive = rungOf(plan, targetAttempts + 1).some(({ traits }) => traits.disruptive)
  const intent = {
    incident: incident.id,
    targetKey: target ?? subject.key,
    cluster: subject.cluster ?? '',
    disruptive,
    byPerson: false,
    attempt: incident.attempts + 1,
    rack: null,
    firstStart: !disruptive && !incident.changed && targetAttempts === 0,
  }
  const gone: GuardResult = { guard: 'still-firing', verdict: 'refuse', reason: '', evidence: [], gone: true }
  return [...decideOwn(facts, intent, now).results, ...(incident.firing.length > 0 ? [] : [gone])]
}

function bySide(set: RuleSet, changes: readonly RecordedAlert[], silences: readonly NewSilence[], until: number) {
  const world = new RecordedWorld()
  const done: Done[] = []
  let now = T0
  let opened = 0
  const note = (incident: { plan: { rule: string }; target: string | null }, what: string): void => {
    done.push({ rule: incident.plan.rule, target: incident.target ?? '', what, at: now })
  }
  const side: Side = new Side(
    inventory,
    world,
    {
      opened: () => undefined,
      attempted: (incident, at) => {
        now = at
        note(incident, `rung ${Math.min(incident.targetAttempts, incident.plan.runbook.rungs.length)}`)
      },
      objected: () => undefined,
      escalated: (incident, reason) => {
        now = incident.stateSince
        note(incident, reason)
      },
    },
    () => ++opened,
  )
  const holds = silences.map((silence, index) => ({
    kind: 'silence' as const,
    silence: { ...silence, id: String(index), createdAt: T0, updatedAt: T0 },
  }))
  const happenings = [
    ...changes.map((one) => ({
      at: one.at,
      act: () => {
        if (one.change === 'resolved') return side.resolves(one.fingerprint)
        const alert = { ...one, serial: 0, isNewOccurrence: one.change === 'refired' }
        side.fires(alert, treats(set, one))
      },
    })),
    ...holds.flatMap((hold) => [
      { at: hold.silence.startsAt, act: () => (world.begins(hold), side.holdsChanged(null)) },
      { at: hold.silence.endsAt, act: () => (world.ends(hold), side.holdsChanged(hold)) },
    ]),
  ]
  for (const { at, act } of happenings.toSorted((a, b) => a.at - b.at)) {
    side.advance(at)
    act()
  }
  side.advance(until)
  return done
}

const restart = { ...startStep, params: { verb: 'restart' }, traits: { ...startStep.traits, disruptive: true } }

/** Off the full minute, so that nothing depends on which of two things of the same moment comes first. */
const minute = (most: number) => fc.integer({ min: 0, max: most * 4 }).map((quarter) => quarter * 15 * SECOND + 3_331)

const rule = (name: string) =>
  fc
    .record({
      mode: fc.constantFrom('act' as const, 'act' as const, 'approve' as const, 'inform' as const),
      rank: fc.constantFrom(10, 20),
      afterMs: fc.constantFrom(0, 30 * SECOND, 3 * MINUTE),
      max: fc.integer({ min: 1, max: 4 }),
      disruptive: fc.boolean(),
      stableMs: fc.constantFrom(10 * SECOND, 4 * MINUTE),
    })
    .map(({ max, stableMs, disruptive, ...plan }) => {
      const like = ruleOf(name, [`alertname="${name}"`], plan).plan
      return ruleOf(name, [`alertname="${name}"`], {
        ...plan,
        attempts: { max, backoff: { initialMs: 30 * SECOND, multiplier: 2, maxMs: 5 * MINUTE }, stableMs },
        escalation: { ...like.escalation, giveUpMs: 20 * MINUTE },
        runbook: {
          ...like.runbook,
          rungs: [[startStep], [disruptive ? restart : startStep]],
          verify: [{ type: 'kafka-api', params: {}, withinMs: 4 * SECOND }],
        },
      })
    })

const alerts = fc.array(
  fc.record({
    rule: fc.constantFrom('a', 'b', 'c'),
    on: fc.constantFrom(['orders', '1'], ['orders', '1'], ['orders', '2'], ['billing', '1']),
    listener: fc.constantFrom('x', 'y'),
    at: minute(60),
    forMs: minute(30),
  }),
  { minLength: 4, maxLength: 9 },
)

const silence = fc.record({ cluster: fc.constantFrom('orders', 'billing'), at: minute(60), forMs: minute(20) })

test('a side does what the store would have done, with the same answers of the world', async () => {
  let compared = 0
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(rule('a'), rule('b'), rule('c')),
      alerts,
      fc.option(silence),
      async (rules, fired, quiet) => {
        const set = setOf(rules, inventory)
        const ends = new Map<string, number>()
        const changes = fired
          .toSorted((a, b) => a.at - b.at)
          .flatMap(({ rule, on: [cluster = '', broker = ''], listener, at, forMs }) => {
            const labels = { alertname: rule, cluster, broker_id: broker, listener }
            const key = JSON.stringify(labels)
            // It fires already.
            if (T0 + at <= (ends.get(key) ?? 0)) return []
            ends.set(key, T0 + at + forMs + 1)
            return firing(labels, T0 + at, forMs + 1)
          })
          .toSorted((a, b) => a.at - b.at)
        const silences = quiet === null ? [] : [silenceOf(quiet)]
        const until = T0 + 2 * HOUR
        const [expected, found] = [await byStore(set, changes, silences, until), bySide(set, changes, silences, until)]
        const inOrder = (all: readonly Done[]) =>
          all.toSorted((a, b) =>
            a.rule + a.target < b.rule + b.target ? -1 : a.rule + a.target > b.rule + b.target ? 1 : a.at - b.at,
          )
        const [was, is] = [inOrder(expected), inOrder(found)]
        const shown = (all: readonly Done[]) => all.map(({ rule, target, what }) => `${rule} ${target} ${what}`)
        expect(shown(is)).toEqual(shown(was))
        compared += was.length
        for (const [index, { at }] of was.entries())
          expect(Math.abs((is[index]?.at ?? 0) - at)).toBeLessThan(10 * POLL_MS)
      },
    ),
    { numRuns: Number(process.env['RUNS'] ?? 25), seed: Number(process.env['SEED'] ?? 7) },
  )
  expect(compared).toBeGreaterThan(50)
}, 600_000)

function silenceOf({ cluster, at, forMs }: { cluster: string; at: number; forMs: number }): NewSilence {
  const matchers = [{ name: 'cluster', value: cluster, isRegex: false, isEqual: true }]
  return { matchers, startsAt: T0 + at, endsAt: T0 + at + forMs + 1, author: 'ann', comment: 'later' }
}
