import { pino } from 'pino'
import { systemClock } from '../../src/clock.ts'
import type { Moved } from '../../src/store/store.ts'
import { metricNames, openTelemetry, type Telemetry } from '../../src/telemetry.ts'
import { table } from './table.ts'

/** Every metric of ours with its labels, read from an exposition after each kind of event was counted once. */
export async function metricsSection(): Promise<string> {
  const build = { version: '0', node: '0' }
  const telemetry = openTelemetry({ log: pino({ level: 'silent' }), clock: systemClock, build })
  countEverything(telemetry)
  const lines = (await telemetry.metrics()).split('\n')
  const rows = metricNames.map((name) => {
    const help = after(lines, `# HELP ${name} `)
    const type = after(lines, `# TYPE ${name} `)
    return [`\`${name}\``, type, labelsOf(lines, name).join(', '), help]
  })
  const text = `## Metrics

\`GET /metrics\`, in the text format of Prometheus. The process's own metrics (\`process_…\`, \`nodejs_…\`) come beside these.`
  return `${text}\n\n${table(['metric', 'type', 'labels', 'meaning'], rows)}`
}

function countEverything(telemetry: Telemetry): void {
  const incident = { id: 1, plan: { rule: 'a' }, subject: { key: 'a' }, state: 'waiting', reason: 'after', detail: '' }
  const event = { type: 'guardsEvaluated', decision: { verdict: 'refuse', guard: 'a' } }
  telemetry.moved({ before: null, incident, event, effects: [] } as unknown as Moved)
  telemetry.attemptFinished({ incident: 1, attempt: 1, rule: 'a', outcome: 'succeeded', durationMs: 1 })
  telemetry.stepFinished({ key: '1.1.1', action: 'a', outcome: 'succeeded', durationMs: 1 })
  telemetry.deliveryStored({ delivery: 1, firing: 1, resolved: 1, repeats: 1 }, 1)
  telemetry.deliveryRefused('invalid')
  telemetry.truncated(1)
  telemetry.mail('sent')
  telemetry.reloaded({ ok: true, revision: { name: 'a', commit: null, dirty: null, differing: [], hash: 'a' } })
  telemetry.storeFailed('busy')
  telemetry.reconciled({ at: 0, alertmanagers: [], doubt: null, adopted: 1, gone: 1 })
  telemetry.clustersWatched(['a'])
  telemetry.clusterWatched({ cluster: 'a', complete: true, drift: 0, missingRights: 0, unreachableControllers: 0 })
  const incidents = { waiting: 1 } as never
  telemetry.watch(async () => ({
    incidents,
    inboxDepth: 0,
    outboxDepth: 0,
    outboxOldestMs: 0,
    timersLate: 0,
    failedMails: 0,
    demotions: 0,
    storms: [],
  }))
}

function after(lines: readonly string[], start: string): string {
  return lines.find((line) => line.startsWith(start))?.slice(start.length) ?? ''
}

function labelsOf(lines: readonly string[], name: string): readonly string[] {
  const sample = new RegExp(`^${name}(?:_bucket|_sum|_count)?\\{(.*)\\} `)
  const found = lines.flatMap((line) =>
    [...(sample.exec(line)?.[1] ?? '').matchAll(/(\w+)="/g)].map(([, label]) => label ?? ''),
  )
  return [...new Set(found)].filter((label) => label !== 'le')
}
