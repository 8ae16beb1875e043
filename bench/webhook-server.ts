import { join } from 'node:path'
import Fastify from 'fastify'
import pino from 'pino'
import { systemClock } from '../src/clock.ts'
import { advance } from '../src/engine/advance.ts'
import { Intake } from '../src/engine/intake.ts'
import { Wake } from '../src/engine/wake.ts'
import { buildServer } from '../src/http/server.ts'
import { openSqliteStore } from '../src/store/sqlite.ts'
import { openTelemetry } from '../src/telemetry.ts'
import { planOf } from '../test/support/plan.ts'
import { configurationStatus, revisionNamed } from '../test/support/revision.ts'

/**
 * The servers that bench/webhooks.ts compares, each in a process of its own: `echo` (a bare Fastify that parses and
 * answers), `intake` (stores, no core), `core` (the core opens an incident for each alert beside it). Prints where it
 * listens, then on each line of stdin how much is stored, opened and still to do.
 */
const [kind = 'echo', folder = '.'] = process.argv.slice(2)

async function echo(): Promise<string> {
  const app = Fastify()
  app.post('/webhook', async () => ({ ok: true }))
  return app.listen({ host: '127.0.0.1', port: 0 })
}

async function ours(withCore: boolean): Promise<{ readonly url: string; readonly count: () => Promise<string> }> {
  const store = await openSqliteStore({ path: join(folder, 'bench.db') })
  const log = pino({ level: 'warn' })
  const telemetry = openTelemetry({
    log,
    clock: systemClock,
    build: { version: 'bench', node: process.version },
  })
  const wake = new Wake()
  const intake = new Intake({
    store,
    clock: systemClock,
    log,
    onStored: () => wake.wake(),
    onStoreFailure: (error) => log.warn({ err: error }, 'store failed'),
    // Without the core nothing ever drains the inbox.
    limits: { inboxDepth: 10_000_000 },
  })
  const app = buildServer({
    store,
    clock: systemClock,
    log,
    telemetry,
    intake,
    wake: () => wake.wake(),
    onTruncated: () => {},
    reload: async () => ({ ok: true, revision: revisionNamed('bench'), applied: true, atNextStart: [] }),
    status: () => ({
      startedAt: 0,
      configuration: configurationStatus('bench'),
      reconcile: null,
      loops: [],
    }),
    known: () => ({ clusters: [], targets: [], rules: [] }),
    planOf: () => null,
    match: () => ({ revision: '', rules: [] }),
    webhookCredentials: [],
    apiCredentials: [],
    tls: null,
    bodyBytes: 16 * 1024 * 1024,
    version: 'bench',
  })
  let opened = 0
  const plan = planOf()
  const never = new AbortController().signal
  async function core(): Promise<void> {
    for (;;) {
      await wake.wait(systemClock, 1_000, never)
      await advance(store, systemClock.now(), {
        openings: ({ alert }) => {
          const key = `lab/broker/${alert.labels['broker_id'] ?? ''}`
          return [{ plan, subject: { kind: 'broker', key, cluster: 'lab', target: key } }]
        },
        onMoved: (moved) => {
          if (moved.before === null) opened += 1
        },
      })
    }
  }
  if (withCore) void core()
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    count: async () =>
      JSON.stringify({ opened, inbox: await store.inboxDepth(), rssMiB: process.memoryUsage.rss() / 2 ** 20 }),
  }
}

if (kind === 'echo') {
  process.stdout.write(`${await echo()}\n`)
} else {
  const { url, count } = await ours(kind === 'core')
  process.stdout.write(`${url}\n`)
  process.stdin.on('data', () => void count().then((line) => process.stdout.write(`${line}\n`)))
}
