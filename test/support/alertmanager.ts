import { fingerprintOf } from '../../src/alert/fingerprint.ts'
import type { Service } from './service.ts'

export interface TestAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly status?: 'firing' | 'resolved'
  readonly startsAt: number
  readonly annotations?: Readonly<Record<string, string>>
}

/** A webhook body like Alertmanager's. */
export function deliveryOf(alerts: readonly TestAlert[], change: Readonly<Record<string, unknown>> = {}): object {
  return {
    version: '4',
    groupKey: '{}:{alertname="test"}',
    truncatedAlerts: 0,
    status: alerts.some((alert) => alert.status !== 'resolved') ? 'firing' : 'resolved',
    receiver: 'kafka-healing',
    groupLabels: {},
    commonLabels: {},
    commonAnnotations: {},
    externalURL: 'http://127.0.0.1:9093',
    alerts: alerts.map(({ labels, status = 'firing', startsAt, annotations = {} }) => ({
      status,
      labels,
      annotations,
      startsAt: new Date(startsAt).toISOString(),
      endsAt: status === 'resolved' ? new Date().toISOString() : '0001-01-01T00:00:00Z',
      generatorURL: '',
      fingerprint: fingerprintOf(labels),
    })),
    ...change,
  }
}

/** Posts like Alertmanager: again until 2xx. Answers how many tries it took. */
export async function deliver(
  service: () => Service,
  body: object,
  token: string,
  deadlineMs = 60_000,
): Promise<number> {
  const end = performance.now() + deadlineMs
  for (let tries = 1; ; tries++) {
    const status = await service()
      .post('/webhook', body, { authorization: `Bearer ${token}` })
      .then((answer) => answer.status)
      .catch(() => 0)
    if (status >= 200 && status < 300) return tries
    if (status >= 400 && status < 500) throw new Error(`refused for good: ${status}`)
    if (performance.now() > end) throw new Error(`not accepted within ${deadlineMs} ms: ${status}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
