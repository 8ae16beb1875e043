import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { type Clock, systemClock } from '../../src/clock.ts'
import { advance } from '../../src/engine/advance.ts'
import { Intake, type IntakeLimits } from '../../src/engine/intake.ts'
import type { HttpDeps, Status } from '../../src/http/deps.ts'
import { buildServer } from '../../src/http/server.ts'
import type { Plan } from '../../src/incident/plan.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Moved, Store } from '../../src/store/store.ts'
import { openTelemetry } from '../../src/telemetry.ts'
import { planOf, subject } from './plan.ts'
import { configurationStatus, revisionNamed } from './revision.ts'

export interface HttpWorld {
  readonly url: string
  readonly store: Store
  readonly telemetry: HttpDeps['telemetry']
  readonly seen: { wakes: number; truncations: number; logs: string[] }
  /** Changes what the next `status()` answers. */
  readonly status: { loaded: boolean }
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>
  send(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>
  /** Posts a body as it is, the way Alertmanager does. */
  deliver(body: string, headers?: Readonly<Record<string, string>>): Promise<Response>
  /** Lets the core take what was stored: each alert opens an incident of this plan, for one subject per alert. */
  settle(plan?: Plan): Promise<readonly Moved[]>
  stop(): Promise<void>
}

export interface HttpOptions {
  readonly deps?: Partial<Omit<HttpDeps, 'store' | 'intake'>>
  readonly limits?: Partial<IntakeLimits>
  /** Stands between the routes and the real store. */
  readonly wrap?: (store: Store) => Store
  readonly clock?: Clock
}

/** The HTTP side on a free port of loopback, over a real SQLite file of its own. */
export async function startHttp(options: HttpOptions = {}): Promise<HttpWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-http-'))
  const clock = options.clock ?? systemClock
  const real = await openSqliteStore({ path: join(folder, 'test.db') })
  const store = options.wrap?.(real) ?? real
  const seen: HttpWorld['seen'] = { wakes: 0, truncations: 0, logs: [] }
  const log = pino({ level: 'debug' }, { write: (line: string) => void seen.logs.push(line) })
  const telemetry = openTelemetry({ log, clock, build: { version: 'test', node: process.version } })
  telemetry.watch(() => store.gauges(clock.now()))
  const wake = () => void (seen.wakes += 1)
  const intake = new Intake({
    store,
    clock,
    log,
    onStored: wake,
    onStoreFailure: (error) => telemetry.storeFailed(error.reason),
    ...(options.limits && { limits: options.limits }),
  })
  const status = { loaded: true }
  const app = buildServer({
    store,
    clock,
    log,
    telemetry,
    intake,
    wake,
    onTruncated: () => void (seen.truncations += 1),
    reload: async () => ({ ok: true, revision: revisionNamed('r2'), applied: true, atNextStart: [] }),
    status: (): Status => ({
      startedAt: 0,
      configuration: { ...configurationStatus('r1'), loaded: status.loaded },
      reconcile: null,
      loops: [{ name: 'core', running: true, lastRunAt: 2, lastError: null }],
    }),
    planOf: () => null,
    match: () => ({ revision: 'r1', rules: [] }),
    known: () => ({ clusters: ['lab'], targets: ['lab/broker/1'], rules: ['broker-down'] }),
    webhookCredentials: [],
    apiCredentials: [],
    tls: null,
    bodyBytes: 16 * 1024 * 1024,
    version: 'test',
    ...options.deps,
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const url = `${options.deps?.tls ? 'https' : 'http'}://127.0.0.1:${port}`

  return {
    url,
    store,
    telemetry,
    seen,
    status,
    get: (path, headers = {}) => fetch(url + path, { headers, redirect: 'manual' }),
    send: (method, path, body, headers = {}) =>
      fetch(url + path, {
        method,
        redirect: 'manual',
        headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    deliver: (body, headers = {}) =>
      fetch(`${url}/webhook`, {
        method: 'POST',
        redirect: 'manual',
        headers: { 'content-type': 'application/json', ...headers },
        body,
      }),
    settle: async (plan = planOf()) => {
      const moved: Moved[] = []
      await advance(store, clock.now(), {
        openings: ({ alert }) => {
          const broker = alert.labels['broker_id'] ?? '1'
          const key = `lab/broker/${broker}`
          return [{ plan, subject: { ...subject, key, target: key } as typeof subject }]
        },
        onMoved: (one) => moved.push(one),
      })
      return moved
    },
    stop: async () => {
      await app.close()
      await real.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The same store, but for one unit that is asked first whether it shall fail. */
export function refusing(store: Store, unit: keyof Store, failure: () => Error | null): Store {
  return new Proxy(store, {
    get: (of, name) => {
      const member: unknown = Reflect.get(of, name)
      if (typeof member !== 'function') return member
      if (name !== unit) return member.bind(of)
      return (...args: readonly unknown[]) => {
        const error = failure()
        return error === null ? (member.apply(of, args) as unknown) : Promise.reject(error)
      }
    },
  })
}
