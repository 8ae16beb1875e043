import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Clock } from './clock.ts'
import { type Config, exposure } from './config.ts'
import { runCore } from './engine/core.ts'
import { Intake } from './engine/intake.ts'
import { runLooker } from './engine/looker.ts'
import { Loops } from './engine/loops.ts'
import { planMaintenance, runMaintenance } from './engine/maintenance.ts'
import { OUTBOX_DEFAULTS, runOutbox } from './engine/outbox.ts'
import { runReaper } from './engine/reaper.ts'
import { Reconcile } from './engine/reconcile.ts'
import { openRestrictions } from './engine/restrictions.ts'
import { runRetention } from './engine/retention.ts'
import { runRunner } from './engine/runner.ts'
import { Wake } from './engine/wake.ts'
import { runWatch } from './engine/watch.ts'
import type { ReloadResult } from './http/deps.ts'
import { buildServer } from './http/server.ts'
import { InForce } from './in-force.ts'
import type { HostPort } from './inventory/inventory.ts'
import { openReload } from './reload.ts'
import { filesLook } from './rules/files.ts'
import { openSqliteStore } from './store/sqlite.ts'
import { type Moved, type Store, StoreUnavailableError } from './store/store.ts'
import { openTelemetry, type Telemetry } from './telemetry.ts'
import { version } from './version.ts'
import { runFilesWatch } from './watch-files.ts'

/** How long steps and mails under way may go on after the shutdown began, in milliseconds (S-4.8). */
const GRACE_MS = 75_000
/** What is still open this long after the grace is left to the next start, in milliseconds. */
const AFTER_GRACE_MS = 10_000

export interface AppOptions {
  readonly configFile: string
  readonly listen: HostPort | null
  readonly clock: Clock
  readonly log: Logger
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface App {
  /** Where it really listens, e.g. `http://127.0.0.1:9095`. */
  readonly url: string
  reload(): Promise<ReloadResult>
  /** Finishes what runs, hands back what has not begun, closes everything (S-4.8). */
  stop(): Promise<void>
}

/** Something in the way of starting that a person can mend; its message says what. */
export class CannotStartError extends Error {
  override name = 'CannotStartError'
}

/** Builds and wires all, in one straight line; from here on it listens and acts. */
export async function startApp({ configFile, listen, clock, log, env }: AppOptions): Promise<App> {
  const look = filesLook(configFile, env)
  // Before they are loaded: what changes meanwhile is noticed.
  const seen = await look()
  const inForce = InForce.load({ configFile, clock, log, env })
  const { config } = inForce.configuration
  const address = listen ?? config.listen
  const exposed = exposure(config, address)
  if (exposed !== null) throw new CannotStartError(exposed)

  setLevel(log, inForce, env)
  const boot = randomUUID()
  const telemetry = openTelemetry({
    log,
    clock,
    build: { version, node: process.version },
  })
  const store = await openStore(inForce)
  telemetry.watch(() => store.gauges(clock.now()))
  telemetry.rulesLoaded(inForce.configuration.rules.map((rule) => rule.name))
  telemetry.reloaded({ ok: true, revision: inForce.configuration.revision })

  const stopping = new AbortController()
  const { signal } = stopping
  const wakes = { core: new Wake(), looker: new Wake(), runner: new Wake(), outbox: new Wake(), watch: new Wake() }
  const watchNow = new Set<string>()
  const onFailure = (error: StoreUnavailableError): void => telemetry.storeFailed(error.reason)
  const onMoved = (moved: Moved): void => {
    afterMove(moved, telemetry, wakes)
    restrictions.moved(moved)
    const { cluster } = moved.incident.subject
    if (moved.before !== null || cluster === null) return
    watchNow.add(cluster)
    wakes.watch.wake()
  }
  const steady = { clock, log, signal, onFailure }
  const windows = {
    ...steady,
    store,
    maintenance: () => inForce.configuration.config.maintenance,
    onPlanned: () => wakes.core.wake(),
  }
  const restrictions = openRestrictions({
    ...steady,
    store,
    terms: () => inForce.terms(),
    planMaintenance: () => planMaintenance(windows),
    onMoved: (moved) => onMoved(moved),
    onRequeued: () => wakes.core.wake(),
  })

  const shared = config.database.kind === 'postgres'
  // Whoever shares a database lives on; those that are gone are found by the reaper.
  if (!shared) for (const moved of await store.interruptForeign(boot, clock.now())) onMoved(moved)
  await restrictions.begin()

  const intake = new Intake({
    store,
    clock,
    log,
    onStored: () => wakes.core.wake(),
    onStoreFailure: onFailure,
    limits: { inboxDepth: config.limits.inboxDepth },
  })
  const reconcile = new Reconcile({
    store,
    clock,
    log,
    signal,
    settings: () => inForce.reconcile,
    onStored: () => wakes.core.wake(),
    onPolled: (poll) => telemetry.reconciled(poll),
  })
  const { reload, reloadSeen, lastRead } = openReload(
    {
      configFile,
      inForce,
      look,
      clock,
      log,
      signal,
      onReloaded: (result) => {
        telemetry.reloaded(result)
        if (!result.ok) return
        setLevel(log, inForce, env)
        telemetry.rulesLoaded(inForce.configuration.rules.map((rule) => rule.name))
        // It may name other clusters.
        wakes.watch.wake()
      },
      // It is in force: what it takes away must not be forgotten because the store is away for a moment (S-3.6).
      apply: () => restrictions.renew(),
    },
    seen.fingerprint,
  )

  const loops = new Loops(clock, log)
  const server = buildServer({
    store,
    clock,
    log,
    telemetry,
    intake,
    wake: () => wakeAll(wakes),
    onTruncated: () => reconcile.want('alerts were missing from a delivery'),
    reload,
    status: () => ({
      startedAt,
      configuration: {
        ...inForce.status(),
        loaded: true,
        applied: restrictions.areApplied(),
        watched: inForce.configuration.config.reload.watch,
      },
      reconcile: inForce.reconcile.alertmanagers.length === 0 ? null : reconcile.status(),
      loops: loops.status(),
    }),
    known: () => inForce.known(),
    planOf: (rule) => inForce.terms().plans.get(rule) ?? null,
    match: (alert, credential) => inForce.match(alert, credential),
    webhookCredentials: config.webhookCredentials,
    apiCredentials: config.apiCredentials,
    tls: config.tls && { cert: readFileSync(config.tls.certFile), key: readFileSync(config.tls.keyFile) },
    bodyBytes: config.limits.bodyBytes,
    version,
  })
  const startedAt = clock.now()
  const url = await listenAt(server, address, config)

  const world = () => inForce.world
  loops.run(
    'core',
    runCore({
      store,
      clock,
      log,
      signal,
      wake: wakes.core,
      shared,
      openings: (row) => inForce.openings(row),
      onMoved,
      onFailure,
    }),
  )
  const running = new Set<number>()
  if (shared) loops.run('reaper', runReaper({ ...steady, store, owner: boot, running, onMoved }))
  loops.run('looker', runLooker({ ...steady, store, world, owner: boot, wake: wakes.looker, onMoved }))
  loops.run(
    'runner',
    runRunner({
      ...steady,
      store,
      world,
      owner: boot,
      running,
      wake: wakes.runner,
      graceMs: GRACE_MS,
      onMoved,
      onStep: (key, action, result, durationMs) =>
        telemetry.stepFinished({ key, action, outcome: result.outcome, durationMs }),
      onAttempt: ({ incident, number }, end, durationMs) =>
        telemetry.attemptFinished({
          incident: incident.id,
          attempt: number,
          rule: incident.plan.rule,
          outcome: end.outcome,
          durationMs,
        }),
    }),
  )
  loops.run(
    'outbox',
    runOutbox({
      ...steady,
      store,
      owner: boot,
      route: () => inForce.route,
      settings: () => {
        const { config, noticesTo, revision } = inForce.configuration
        return {
          ...OUTBOX_DEFAULTS,
          receivers: config.receivers,
          noticesTo,
          revision: revision.name,
          from: config.smtp?.from ?? 'kafka-healing@localhost',
          externalUrl: config.externalUrl ?? (isWildcard(address.host) ? null : url),
        }
      },
      wake: wakes.outbox,
      graceMs: 5_000,
      onMade: (made) => log.debug({ made }, 'mail made'),
      onSent: ({ outcome }) => telemetry.mail(outcome === 'handedOn' ? 'failed' : outcome),
    }),
  )
  loops.run(
    'watch',
    runWatch({
      ...steady,
      store,
      world,
      wanted: watchNow,
      wake: wakes.watch,
      onClusters: (names) => telemetry.clustersWatched(names),
      onWatched: (watched) => telemetry.clusterWatched(watched),
      onMoved,
      onStorm: (cluster, change) => {
        if (change !== 'goesOn') log.warn({ cluster, change }, 'storm')
        wakes.outbox.wake()
      },
    }),
  )
  loops.run('maintenance', runMaintenance(windows))
  loops.run(
    'files',
    runFilesWatch({
      clock,
      log,
      signal,
      debounceMs: () => {
        const { watch, debounceMs } = inForce.configuration.config.reload
        return watch ? debounceMs : null
      },
      look,
      lastRead,
      reload: reloadSeen,
    }),
  )
  loops.run('reconcile', reconcile.run())
  loops.run(
    'retention',
    runRetention({ store, clock, log, signal, policy: () => inForce.configuration.config.retention }),
  )

  return {
    url,
    reload,
    async stop() {
      log.info('shutting down')
      await server.close()
      stopping.abort()
      wakeAll(wakes)
      const late = new AbortController()
      await Promise.race([loops.ended(), clock.sleep(GRACE_MS + AFTER_GRACE_MS, late.signal)])
      late.abort()
      await inForce.close()
      await store.close()
      log.info('stopped')
    },
  }
}

/** `LOG_LEVEL` of the environment goes before the configuration. */
function setLevel(log: Logger, { configuration }: InForce, env: AppOptions['env']): void {
  log.level = env['LOG_LEVEL'] ?? configuration.config.log.level
}

async function openStore(inForce: InForce): Promise<Store> {
  const { database } = inForce.configuration.config
  const rackOf = (target: string): string | null => inForce.world.inventory.targets.get(target)?.rack ?? null
  if (database.kind === 'sqlite') {
    mkdirSync(dirname(database.path), { recursive: true })
    return openSqliteStore({ path: database.path, rackOf })
  }
  const { caFile } = database
  // Most have no PostgreSQL and need not carry its client in memory.
  const { openPostgresStore } = await import('./store/postgres.ts')
  try {
    return await openPostgresStore({
      ...database,
      password: database.password?.reveal() ?? null,
      tls: caFile === null ? database.tls : { ca: readFileSync(caFile, 'utf8') },
      rackOf,
    })
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error
    const why = error.cause instanceof Error ? error.cause.message : error.message
    const { host, port } = database
    throw new CannotStartError(`cannot use database ${database.database} on ${host}:${port}: ${why}`)
  }
}

async function listenAt(server: FastifyInstance, { host, port }: HostPort, config: Config): Promise<string> {
  try {
    await server.listen({ host, port })
  } catch (error) {
    throw new CannotStartError(
      `cannot listen on ${host}:${port}: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  const [bound] = server.addresses() as readonly { readonly port: number }[]
  return `${config.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${bound?.port ?? port}`
}

/** Listening everywhere says nothing about how people reach us: mails then carry no links, and say what to call instead. */
function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || host === ''
}

type Wakes = Readonly<Record<'core' | 'looker' | 'runner' | 'outbox' | 'watch', Wake>>

function wakeAll(wakes: Wakes): void {
  for (const wake of Object.values(wakes)) wake.wake()
}

/** Counts and logs a move, and wakes exactly the loops that now have work. */
function afterMove(moved: Moved, telemetry: Telemetry, wakes: Wakes): void {
  telemetry.moved(moved)
  for (const effect of moved.effects) {
    if (effect.type === 'timer' || effect.type === 'electLeader') wakes.core.wake()
    else if (effect.type === 'evaluateGuards' || effect.type === 'probe') wakes.looker.wake()
    else if (effect.type === 'scheduleAttempt') wakes.runner.wake()
    else if (effect.type === 'tell') wakes.outbox.wake()
  }
}
