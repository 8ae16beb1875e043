import pino from 'pino'
import { describe, expect, it } from 'vitest'
import { systemClock } from './clock.ts'
import type { Gauges } from './store/store.ts'
import { metricNames, openTelemetry } from './telemetry.ts'

const gauges: Gauges = {
  inboxDepth: 3,
  incidents: {
    waiting: 1,
    checking: 0,
    attempting: 0,
    verifying: 0,
    probation: 0,
    escalated: 2,
    settled: 0,
    closed: 9,
  },
  outboxDepth: 4,
  outboxOldestMs: 1_500,
  timersLate: 5,
  failedMails: 0,
  demotions: 2,
  storms: ['orders'],
}

function open() {
  let monotonic = 0
  const telemetry = openTelemetry({
    log: pino({ level: 'silent' }),
    clock: { ...systemClock, monotonic: () => monotonic },
    build: { version: '1', node: 'v24' },
  })
  return { telemetry, later: (ms: number) => (monotonic += ms) }
}

describe('telemetry', () => {
  it('exposes exactly the metrics it names', async () => {
    const text = await open().telemetry.metrics()

    const names = [...text.matchAll(/^# TYPE (kafka_healing_\S+)/gm)].map((match) => match[1])
    expect(new Set(names)).toEqual(new Set(metricNames))
    expect(text).toMatch(/^process_cpu_seconds_total /m)
  })

  it('fills the gauges from the store when it is scraped, and not for each scrape anew', async () => {
    const { telemetry, later } = open()
    let reads = 0
    telemetry.watch(async () => {
      reads += 1
      return gauges
    })

    await telemetry.metrics()
    const text = await telemetry.metrics()
    expect(reads).toBe(1)
    expect(text).toContain('kafka_healing_incidents{state="escalated"} 2')
    expect(text).toContain('kafka_healing_outbox_oldest_age_seconds 1.5')
    expect(text).toContain('kafka_healing_inbox_depth 3')

    later(2_000)
    await telemetry.metrics()
    expect(reads).toBe(2)
  })

  it('S-5.5 shows how old the last complete look at each cluster is, and forgets clusters that are gone', async () => {
    const { telemetry, later } = open()
    const found = { drift: 2, missingRights: 1, unreachableControllers: 3 }
    telemetry.watch(async () => gauges)
    telemetry.clustersWatched(['orders', 'logs'])
    later(60_000)
    telemetry.clusterWatched({ cluster: 'orders', complete: true, ...found })
    telemetry.clusterWatched({ cluster: 'logs', complete: false, ...found })
    telemetry.clusterWatched({ cluster: 'stranger', complete: true, ...found })
    later(30_000)
    const text = await telemetry.metrics()
    expect(text).toContain('kafka_healing_cluster_view_age_seconds{cluster="orders"} 30')
    expect(text).toContain('kafka_healing_cluster_view_age_seconds{cluster="logs"} 90')
    expect(text).toContain('kafka_healing_cluster_drift{cluster="orders"} 2')
    expect(text).toContain('kafka_healing_cluster_missing_rights{cluster="orders"} 1')
    expect(text).toContain('kafka_healing_cluster_unreachable_controllers{cluster="orders"} 3')
    expect(text).toContain('kafka_healing_storm{cluster="orders"} 1')
    expect(text).toContain('kafka_healing_storm{cluster="logs"} 0')
    expect(text).toContain('kafka_healing_demotions 2')
    expect(text).not.toContain('stranger')

    telemetry.clustersWatched(['logs'])
    expect(await telemetry.metrics()).not.toContain('cluster="orders"')
  })

  it('still answers when the gauges cannot be read', async () => {
    const { telemetry } = open()
    telemetry.watch(() => Promise.reject(new Error('gone')))

    expect(await telemetry.metrics()).toContain('kafka_healing_store_failures_total{why="gauges"} 1')
  })

  it('counts rules that are not loaded as one', async () => {
    const { telemetry } = open()
    telemetry.rulesLoaded(['broker-down'])
    for (const rule of ['broker-down', 'x', 'y'])
      telemetry.attemptFinished({ incident: 1, attempt: 1, rule, outcome: 'succeeded', durationMs: 10 })

    const text = await telemetry.metrics()
    expect(text).toContain('kafka_healing_attempts_total{rule="broker-down",outcome="succeeded"} 1')
    expect(text).toContain('kafka_healing_attempts_total{rule="other",outcome="succeeded"} 2')
  })

  it('keeps the time of the last good configuration when a later one is refused', async () => {
    const { telemetry } = open()
    const revision = { name: 'c0ffee-abc-dirty', commit: 'c0ffee', dirty: true, differing: ['rules.yml'], hash: 'abc' }
    telemetry.reloaded({ ok: true, revision })
    const before = /success_timestamp_seconds (\S+)/.exec(await telemetry.metrics())?.[1]
    telemetry.reloaded({ ok: false, problems: ['config.yml:1:1: nonsense'] })

    const text = await telemetry.metrics()
    expect(text).toContain('kafka_healing_config_last_reload_successful 0')
    const info = 'kafka_healing_config_info{revision="c0ffee-abc-dirty",commit="c0ffee",dirty="true",hash="abc"} 1'
    expect(text).toContain(info)
    telemetry.reloaded({ ok: true, revision: { name: 'def', commit: null, dirty: null, differing: [], hash: 'def' } })
    const later = (await telemetry.metrics()).match(/^kafka_healing_config_info.*$/gm)
    expect(later).toEqual(['kafka_healing_config_info{revision="def",commit="",dirty="",hash="def"} 1'])
    expect(/success_timestamp_seconds (\S+)/.exec(text)?.[1]).toBe(before)
  })
})
