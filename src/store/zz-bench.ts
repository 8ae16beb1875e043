import { openSqliteStore } from './sqlite.ts'
import { mkdtempSync } from 'node:fs'
import { alert, delivery, plan, broker, drain, T0 } from './conformance/fixtures.ts'
const P = plan()
const dir = mkdtempSync('/work/main/.lab-bench-')
const store = await openSqliteStore({ path: dir + '/a.db' })
for (let round = 0; round < 3; round++) {
const N = 10_000, B = 50
const batches = Array.from({ length: N / B }, (_, b) => Array.from({ length: B }, (_, i) => delivery([alert('A', { labels: { n: String(round*1e6+b * B + i), instance: 'kafka-1:9092', job: 'kafka', severity: 'critical' }, annotations: { summary: 'Broker is down', description: 'x'.repeat(100) } })], { groupKey: `{}:{alertname="A${b % 20}"}` })))
let t = performance.now()
for (const b of batches) await store.storeDeliveries(b, T0)
let ms = performance.now() - t
console.log('new alerts', N, (ms / N * 1000).toFixed(1), 'us each')
t = performance.now()
for (const b of batches) await store.storeDeliveries(b, T0)
ms = performance.now() - t
console.log('repeats', (ms / N * 1000).toFixed(1), 'us each')
t = performance.now()
const M = 5000
for (let i = 0; i < M; i++) { const row = (await store.nextInboxRow())!; await store.admit(row, [{ plan: P, subject: broker(round * 1e6 + i) }], T0) }
ms = performance.now() - t
console.log('admit with open', (ms / M * 1000).toFixed(1), 'us each (commit each)')
await drain(store, [], T0)
}
console.log('rss', Math.round(process.memoryUsage.rss() / 1e6))
await store.close()
