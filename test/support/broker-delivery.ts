/** One delivery as Alertmanager sends it: an alert for each broker named. */
export function deliveryOf(
  brokers: readonly (string | number)[],
  change: Readonly<Record<string, unknown>> = {},
): string {
  const alerts = brokers.map((broker) => ({
    status: 'firing',
    labels: { alertname: 'KafkaBrokerDown', cluster: 'lab', broker_id: String(broker) },
    annotations: { summary: `broker ${broker} is down` },
    startsAt: '2026-11-21T03:54:52.808130655Z',
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: '',
  }))
  return `${JSON.stringify({
    version: '4',
    groupKey: '{}:{alertname="KafkaBrokerDown"}',
    truncatedAlerts: 0,
    status: 'firing',
    receiver: 'kafka\\.healing',
    groupLabels: {},
    commonLabels: {},
    commonAnnotations: {},
    externalURL: 'http://am:9093',
    alerts,
    ...change,
  })}\n`
}
