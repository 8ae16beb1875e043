import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { waitFor } from '../lab/wait.ts'
import { deliveryOf } from '../support/alertmanager.ts'
import { type Service, startService } from '../support/service.ts'

/** A small file system of its own, so that it can be filled and remounted. Needs root, as CI has. */
let disk: string
let config: string
let service: Service

beforeEach(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kh-disk-'))
  disk = join(folder, 'disk')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk])
  const root = join(import.meta.dirname, '../..')
  const example = parse(
    readFileSync(join(root, 'config.example.yml'), 'utf8').replaceAll(/\$\{[A-Z_]+:([^}]*)\}/g, '$1'),
  ) as Record<string, unknown>
  config = join(folder, 'config.yml')
  const broker = { id: 1, host: '127.0.0.1', unit: 'none.service', address: '127.0.0.1:1' }
  const cluster = { bootstrap: ['127.0.0.1:1'], connection: { driver: 'local' }, brokers: [broker] }
  const inventory = { clusters: { orders: cluster } }
  writeFileSync(join(folder, 'inventory.yml'), stringify(inventory))
  writeFileSync(
    config,
    stringify({
      ...example,
      listen: '127.0.0.1:0',
      database: join(disk, 'db', 'k.db'),
      inventory: 'inventory.yml',
      rules: [join(root, 'rules/*.yml')],
    }),
  )
  service = await startService({ config })
})

afterEach(async () => {
  await service.kill()
  execFileSync('umount', ['-l', disk])
  rmSync(join(disk, '..'), { recursive: true, force: true })
})

let serial = 0
/** A big annotation fills the disk quickly. */
function body(size = 10): object {
  serial++
  return deliveryOf([
    {
      labels: { alertname: 'Unknown', n: String(serial) },
      startsAt: Date.now(),
      annotations: { text: 'x'.repeat(size) },
    },
  ])
}

async function stored(): Promise<number> {
  return ((await service.get('/alerts')) as { items: readonly unknown[] }).items.length
}

it('a full disk answers 503, loses nothing that was acknowledged, and recovers by itself', async () => {
  let acknowledged = 0
  const status = await waitFor(
    'the disk to be full',
    async () => {
      const answer = await service.post('/webhook', body(60_000))
      if (answer.status === 200) acknowledged++
      return answer.status === 200 ? undefined : answer.status
    },
    30_000,
    0,
  )
  expect(status).toBe(503)
  expect(acknowledged).toBeGreaterThan(3)

  execFileSync('mount', ['-o', 'remount,size=32m', disk])
  await waitFor('recovery', async () => (await service.post('/webhook', body())).status === 200, 30_000)
  expect(await stored()).toBe(acknowledged + 1)
  expect((await fetch(`${service.url}/-/ready`)).status).toBe(200)
})

it('a database locked by another program answers 503 and recovers by itself', async () => {
  expect((await service.post('/webhook', body())).status).toBe(200)
  const other = new Database(join(disk, 'db', 'k.db'))
  other.exec('begin immediate')
  expect((await service.post('/webhook', body())).status).toBe(503)
  other.exec('rollback')
  other.close()
  await waitFor('recovery', async () => (await service.post('/webhook', body())).status === 200, 30_000)
  expect(await stored()).toBe(2)
})

it('S-3.6 what a reload takes away while the store is away holds once it is back, and the service lives on', async () => {
  const labels = { alertname: 'KafkaBrokerDown', cluster: 'orders', broker_id: '1' }
  await service.post('/webhook', deliveryOf([{ labels, startsAt: Date.now() }]))
  const items = async () =>
    ((await service.get('/incidents')) as { items: readonly { state: string; reason: string }[] }).items
  await waitFor('the incident', async () => (await items())[0], 10_000)

  const file = join(config, '..', 'inventory.yml')
  writeFileSync(file, readFileSync(file, 'utf8').replace('id: 1', 'id: 2'))
  const other = new Database(join(disk, 'db', 'k.db'))
  other.exec('begin immediate')
  process.kill(service.pid, 'SIGHUP')
  await waitFor('the store to be missed', () => service.output().includes('store unavailable') || undefined, 30_000)
  other.exec('rollback')
  other.close()
  await waitFor(
    'the incident to close and its alert to be matched again',
    async () => {
      const [again, first] = await items()
      return (
        (again?.reason === 'unresolvable' && first?.state === 'closed' && first.reason === 'cancelled') || undefined
      )
    },
    30_000,
  )
})

it('on a read-only file system it refuses to start, and nothing acknowledged is lost', async () => {
  expect((await service.post('/webhook', body())).status).toBe(200)
  await service.kill()
  execFileSync('mount', ['-o', 'remount,ro', disk])
  // Nothing can be promised, so nothing is accepted.
  await expect(startService({ config, deadlineMs: 15_000 })).rejects.toThrow(/read-?only|cannot/i)
  execFileSync('mount', ['-o', 'remount,rw', disk])
  service = await startService({ config })
  expect(await stored()).toBe(1)
})
