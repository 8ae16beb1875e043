import { pino } from 'pino'
import type { Alert } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import { advance } from '../engine/advance.ts'
import { claimLook, look } from '../engine/looker.ts'
import { planMaintenance } from '../engine/maintenance.ts'
import { type AttemptDeps, claimAttempt, runAttempt } from '../engine/runner.ts'
import type { Configuration } from '../rules/configuration.ts'
import { openingsOf } from '../rules/openings.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { ClaimedAttempt, Moved, Store } from '../store/store.ts'
import type { SimulatedClock } from './clock.ts'
import type { Deed } from './facts.ts'
import { openPeace, type Peace } from './peace.ts'
import { doAsPerson } from './people.ts'
import { openTellings, type Told } from './tellings.ts'
import { sayMove, sayStep, type Trace } from './trace.ts'
import type { SimulatedWorld } from './world.ts'

/** The service as `src/app.ts` wires it, with one thing in the place of its loops: {@link Service.runTo}. */
export interface Service {
  readonly store: Store
  readonly told: Pick<Told, 'tellings' | 'mails'>
  readonly peace: Peace
  /** What people could not do when its time came. */
  readonly problems: Trace
  /** Lets everything happen that is due until then. */
  runTo(until: Instant): Promise<void>
  /** Somebody does something through the API, now. */
  person(deed: Deed): void
  close(): Promise<void>
}

const OWNER = 'simulation'
/** Windows are planned two days ahead. */
const PLAN_WINDOWS_MS = 24 * 3_600_000

export async function openService(
  configuration: Configuration,
  simulated: SimulatedWorld,
  clock: SimulatedClock,
  trace: Trace,
  problems: Trace,
): Promise<Service> {
  const { inventory, rules, config } = configuration
  const plans = new Map(rules.map(({ name, plan }) => [name, plan]))
  const now = (): Instant => clock.now()
  let silences = 0
  const store = await openSqliteStore({
    path: ':memory:',
    rackOf: (target) => inventory.targets.get(target)?.rack ?? null,
    newId: () => `silence-${++silences}`,
  })
  const stopping = new AbortController()
  const { signal } = stopping
  let broken: { readonly error: unknown } | null = null
  /** What there may be to do: the loops of the service are woken for it. */
  const wanted = { advance: true, looks: false, attempts: false, telling: false }
  /** When the store has something to do next, or sooner. */
  let storeAt: Instant | null = null
  let telling = false

  /** Looks, attempts, mails and people's deeds go on by themselves. */
  const begin = (work: Promise<void>): void => {
    work.catch((error: unknown) => {
      broken ??= { error }
    })
  }
  const onMoved = (moved: Moved): void => {
    const { before, incident, event, effects } = moved
    const text = sayMove(moved)
    if (text !== null) trace.add(now(), incident.id, text)
    told.know(incident)
    const { cluster } = incident.subject
    if (before === null && cluster !== null) peace.want(cluster)
    // Notices, demotions and elections come with what changes more than the time.
    if (before?.state !== incident.state || (event.type !== 'looked' && event.type !== 'timerDue'))
      wanted.advance = wanted.telling = true
    for (const effect of effects) {
      if (effect.type === 'evaluateGuards' || effect.type === 'probe') wanted.looks = true
      if (effect.type === 'scheduleAttempt') wanted.attempts = true
      if (effect.type === 'tell') tellAt(effect.dueAt)
      if (effect.type === 'timer') storeAt = Math.min(storeAt ?? effect.dueAt, effect.dueAt)
    }
  }
  /** What waits for the digest has its hour. */
  const tellAt = (at: Instant): void => {
    if (at <= now()) wanted.telling = true
    else clock.plan(at, () => (wanted.telling = true))
  }
  const deps: AttemptDeps = {
    store,
    clock,
    log: pino({ level: 'silent' }),
    signal,
    world: () => simulated.world,
    owner: OWNER,
    running: new Set(),
    onMoved,
    onFailure: () => {},
    onStep: (key, action, result) => trace.add(now(), Number(key.split('.')[0]), sayStep(key, action, result)),
    onAttempt: () => {},
  }
  const onStorm = (): void => {
    wanted.telling = true
  }
  const peace = openPeace([...inventory.clusters.values()], clock, { ...deps, onStorm }, (one) => simulated.viewOf(one))
  const told = openTellings(store, clock, configuration)

  /** Does what is due at this moment, and all that follows from it at once. */
  async function settle(): Promise<void> {
    wanted.advance = storeAt === null || storeAt <= now()
    await untilAllWait()
    for (let alerts = simulated.delivered(); Object.values(wanted).includes(true) || alerts.length > 0; ) {
      if (alerts.length > 0) await deliver(alerts)
      if (wanted.advance) {
        storeAt = await advance(store, now(), {
          openings: ({ alert }) => openingsOf(alert, configuration, null),
          onMoved,
        })
        wanted.advance = false
      }
      if (wanted.looks) {
        wanted.looks = false
        for (let task = await claimLook(deps); task; task = await claimLook(deps)) begin(look(task, deps))
      }
      if (wanted.attempts) {
        wanted.attempts = false
        for (let attempt = await claimAttempt(deps); attempt; attempt = await claimAttempt(deps)) run(attempt)
      }
      if (wanted.telling) {
        wanted.telling = false
        if (!telling && (await told.isDue())) tell()
      }
      await untilAllWait()
      alerts = simulated.delivered()
    }
  }
  /** Does what is planned for now; whatever is under way goes on until it waits for a later time. */
  async function untilAllWait(): Promise<void> {
    do {
      await new Promise((resolve) => setImmediate(resolve))
      if (broken !== null) throw broken.error
    } while (clock.fire())
  }
  async function deliver(alerts: readonly Alert[]): Promise<void> {
    const batch = alerts.map((alert) => ({
      delivery: {
        receiver: config.receiver,
        groupKey: `{}:${alert.fingerprint}`,
        status: alert.status,
        externalURL: '',
        truncatedAlerts: 0,
        alerts: [alert],
      },
      rawBody: '{}',
      credential: null,
    }))
    await store.storeDeliveries(batch, now())
    wanted.advance = true
  }
  function run(attempt: ClaimedAttempt): void {
    const { incident, number, rung, byPerson, targetKey } = attempt
    const who = byPerson ? ', asked for by a person' : ''
    trace.add(now(), incident.id, `attempt ${number} on ${targetKey} begins, rung ${rung}${who}`)
    begin(runAttempt(attempt, deps, signal))
  }
  /** One at a time: what comes meanwhile is told together. */
  function tell(): void {
    telling = true
    const over = (): void => {
      telling = false
      wanted.telling = true
    }
    begin(told.tell(signal).finally(over))
  }
  async function done(deed: Deed): Promise<void> {
    const done = await doAsPerson(deed, store, (rule) => plans.get(rule) ?? null, now())
    wanted.advance = wanted.telling = true
    if ('problem' in done) {
      trace.add(now(), null, done.problem)
      problems.add(now(), null, done.problem)
      return
    }
    trace.add(now(), done.moved?.incident.id ?? null, done.said)
    if (done.moved) onMoved(done.moved)
  }

  const windows = { ...deps, maintenance: () => config.maintenance, onPlanned: () => (wanted.advance = true) }
  const planWindows = (): void => {
    begin(planMaintenance(windows))
    clock.plan(now() + PLAN_WINDOWS_MS, planWindows)
  }
  if (config.maintenance.length > 0) planWindows()

  return {
    store,
    told,
    peace,
    problems,
    async runTo(until) {
      for (;;) {
        await settle()
        const due = [clock.nextAt(), peace.nextAt(), storeAt].filter((at) => at !== null)
        const next = Math.max(now(), Math.min(until, ...due))
        if (await peace.lookBy(next)) continue
        if (now() >= until) return
        clock.moveTo(next)
      }
    },
    person: (deed) => begin(done(deed)),
    async close() {
      stopping.abort()
      // Whatever waits for a later time waits for ever.
      await new Promise((resolve) => setImmediate(resolve))
      await store.close()
    },
  }
}
