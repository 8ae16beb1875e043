import { fingerprintOf } from '../src/alert/fingerprint.ts'
import { systemClock } from '../src/clock.ts'
import { advance } from '../src/engine/advance.ts'
import { replay } from '../src/incident/replay.ts'
import { openSqliteStore } from '../src/store/sqlite.ts'
import { decision, IncidentWorld, seen } from '../test/support/incident-world.ts'
import { planOf } from '../test/support/plan.ts'
import { against, aside, type Row } from './row.ts'
import { median } from './sample.ts'

const INCIDENTS = 200
const ROUNDS = 3
const PURE_INCIDENTS = 10_000

/** Events per second of the core as rule tests and replays drive it: jumping from due time to due time, in memory. */
export async function run(): Promise<readonly Row[]> {
  const stored: number[] = []
  const pure: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    stored.push(await simulate())
    pure.push(transitions())
  }
  const how = `median of ${ROUNDS} rounds`
  return [
    against(
      {
        name: 'simulator with an in-memory store',
        figure: median(stored),
        unit: 'events/s',
        how: `${INCIDENTS.toLocaleString('en')} incidents from alert to closed (delivery, timers, guards, one attempt, probes, probation), journal entries per second of \`advance(store, now)\` and the answers; ${how}`,
      },
      '≥',
      10_000,
    ),
    aside({
      name: 'the reducer alone',
      figure: median(pure),
      unit: 'events/s',
      how: `\`transition\` over the same story, ${PURE_INCIDENTS.toLocaleString('en')} incidents, no store; ${how}`,
    }),
  ]
}

export async function simulate(): Promise<number> {
  const store = await openSqliteStore({ path: ':memory:' })
  const plan = planOf({ firing: { source: 'webhook', maxAgeMs: 3_600_000 } })
  const subjects = new Map<string, string>()
  let now = 1_763_705_993_000
  let events = 0
  const deps = {
    openings: ({ alert }: { readonly alert: { readonly fingerprint: string } }) => {
      const key = subjects.get(alert.fingerprint) ?? ''
      return [{ plan, subject: { kind: 'broker' as const, key, cluster: 'lab', target: key } }]
    },
    onMoved: () => {
      events += 1
    },
  }
  const alerts = Array.from({ length: INCIDENTS }, (_, n) => {
    const labels = { alertname: 'KafkaBrokerDown', cluster: 'lab', broker_id: String(n) }
    const fingerprint = fingerprintOf(labels)
    subjects.set(fingerprint, `lab/broker/${n}`)
    const common = { labels, annotations: {}, generatorURL: '', fingerprint }
    return { ...common, status: 'firing' as const, startsAt: now - 1, endsAt: null }
  })
  const deliver = async (status: 'firing' | 'resolved'): Promise<void> => {
    const changed = alerts.map((alert) => ({ ...alert, status, endsAt: status === 'firing' ? null : now }))
    const head = { receiver: 'bench', groupKey: 'bench', status, externalURL: '', truncatedAlerts: 0 }
    await store.storeDeliveries([{ delivery: { ...head, alerts: changed }, rawBody: '', credential: null }], now)
  }
  const pass = decision()
  const began = systemClock.monotonic()
  await deliver('firing')
  let resolved = false
  for (;;) {
    const next = await advance(store, now, deps)
    let answered = 0
    for (
      let task = await store.claimLook('bench', now, 30_000);
      task;
      task = await store.claimLook('bench', now, 30_000)
    ) {
      answered += 1
      const moved =
        task.kind === 'guards'
          ? await store.guardsEvaluated(task, pass, [], null, now)
          : await store.looked(task, seen(), [], [], now)
      if (moved) events += 1
    }
    for (;;) {
      const claimed = await store.claimAttempt('bench', now, 60_000, () => ({ decision: pass, results: [] }))
      if (!claimed) break
      answered += 1
      events += 1
      if ('refused' in claimed) continue
      await store.startStep(claimed, 1, now)
      await store.finishStep(claimed, 1, { outcome: 'succeeded', reason: 'ok', exitCode: 0, output: '' }, now)
      if (await store.finishAttempt(claimed, { outcome: 'succeeded', reason: 'ok', changed: true }, now)) events += 1
    }
    if (answered > 0) continue
    const at = next ?? (await store.nextDueAt())
    if (at === null) {
      if (resolved) break
      resolved = true
      await deliver('resolved')
      continue
    }
    now = Math.max(now, at)
  }
  const rate = events / ((systemClock.monotonic() - began) / 1_000)
  const left = await store.openIncidents()
  if (left.length > 0) throw new Error(`${left.length} incidents are still open, the first in ${left[0]?.state}`)
  await store.close()
  return rate
}

function transitions(): number {
  // One story, told again and again: what is timed is the reducer, not the world around it.
  const world = new IncidentWorld(planOf())
  world.until(({ state }) => state === 'checking')
  world.guards()
  world.start()
  world.finish()
  world.until(
    ({ state }) => state === 'settled' || state === 'closed',
    () => world.look(),
  )
  world.apply({ type: 'alertResolved', occurrence: { fingerprint: 'a', startsAt: 999_999 } })
  const { plan, subject } = world.incident
  const occurrence = { fingerprint: 'a', startsAt: 999_999 }
  const story = [
    { at: 1_000_000, event: { type: 'opened' as const, plan, subject, leader: null, occurrence } },
    ...world.journal,
  ]
  const began = systemClock.monotonic()
  for (let n = 0; n < PURE_INCIDENTS; n += 1) replay(n, story)
  return (PURE_INCIDENTS * story.length) / ((systemClock.monotonic() - began) / 1_000)
}
