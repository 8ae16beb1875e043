import { systemClock } from '../src/clock.ts'
import { waitFor } from '../test/lab/wait.ts'
import { deliveryOf } from '../test/support/alertmanager.ts'
import { incidents, metric } from '../test/support/api.ts'
import { startService } from '../test/support/service.ts'
import { smallRules } from '../test/support/small-lab.ts'
import { startMailServer } from '../test/support/smtp.ts'
import { makeHome, residentMiB } from './home.ts'
import { against, aside, type Row } from './row.ts'
import { median } from './sample.ts'

const ALERTS = 10_000
const DELIVERIES = 20
const ROUNDS = 3
/** No mail for so long means that none comes any more: the outbox gathers for one second. */
const QUIET_MS = 3_000

interface Storm {
  readonly storedMs: number
  readonly openedMs: number
  readonly peakMiB: number
  readonly mails: number
}

/**
 * Ten thousand different alerts at once, each of which opens an incident that calls a person (mode `act`, nothing in the
 * inventory has their names).
 */
export async function run(): Promise<readonly Row[]> {
  const storms: Storm[] = []
  for (let round = 0; round < ROUNDS; round += 1) storms.push(await storm())
  const of = (field: keyof Storm): number => median(storms.map((one) => one[field]))
  const how = `${ALERTS.toLocaleString('en')} alerts never seen before in ${DELIVERIES} deliveries sent side by side, each alert escalates; median of ${ROUNDS} storms`
  return [
    against(
      {
        name: 'storm: all stored',
        figure: of('storedMs') / 1_000,
        unit: 's',
        how: `from the first request to the last 2xx; ${how}`,
      },
      '<',
      2,
    ),
    aside({
      name: 'storm: an incident opened for each',
      figure: of('openedMs') / 1_000,
      unit: 's',
      how: `until the inbox is empty; ${how}`,
    }),
    against(
      {
        name: 'storm: most memory',
        figure: of('peakMiB'),
        unit: 'MiB',
        how: `VmHWM, until the last mail was out; ${how}`,
      },
      '<',
      350,
    ),
    against(
      {
        name: 'storm: mails',
        figure: of('mails'),
        unit: 'mails',
        how: `taken by a real SMTP server until none came for ${QUIET_MS / 1_000} s; ${how}`,
      },
      '=',
      1,
    ),
  ]
}

async function storm(): Promise<Storm> {
  const smtp = await startMailServer()
  const home = makeHome({ exporters: ['exporter-1'], rules: smallRules(), smtp: smtp.port })
  const service = await startService({ config: home.config })
  try {
    const startsAt = systemClock.now()
    const bodies = Array.from({ length: DELIVERIES }, (_, d) =>
      deliveryOf(
        Array.from({ length: ALERTS / DELIVERIES }, (_, n) => ({
          labels: {
            alertname: 'SmallUnitDown',
            cluster: 'orders',
            exporter: `gone-${d}-${n}`,
            instance: `10.0.${d}.${n % 250}:9308`,
            job: 'kafka-exporter',
            severity: 'critical',
          },
          annotations: { summary: `exporter ${n} is down`, description: 'It has not been scraped for one minute.' },
          startsAt,
        })),
        { groupKey: `{}:{shard="${d}"}` },
      ),
    )
    const began = systemClock.monotonic()
    const answers = await Promise.all(bodies.map((body) => service.post('/webhook', body)))
    const storedMs = systemClock.monotonic() - began
    const refused = answers.find(({ ok }) => !ok)
    if (refused) throw new Error(`answered ${refused.status}: ${await refused.text()}`)
    await waitFor('an empty inbox', async () => (await metric(service, 'kafka_healing_inbox_depth')) === 0, 60_000, 100)
    const openedMs = systemClock.monotonic() - began
    await waitFor('a mail', () => smtp.taken.length > 0, 60_000)
    let seen = 0
    for (let quietSince = systemClock.monotonic(); systemClock.monotonic() - quietSince < QUIET_MS; ) {
      if (smtp.taken.length > seen) quietSince = systemClock.monotonic()
      seen = smtp.taken.length
      await systemClock.sleep(100)
    }
    const escalated = await incidents(service, '?state=escalated&limit=1000')
    if (escalated.length !== 1_000) throw new Error(`only ${escalated.length} incidents escalated`)
    return { storedMs, openedMs, peakMiB: residentMiB(service.pid).peak, mails: seen }
  } finally {
    await service.stop()
    await smtp.stop()
    home.remove()
  }
}
