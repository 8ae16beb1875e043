import { waitFor } from '../lab/wait.ts'
import { startService } from './service.ts'

/** Lets a real service of this configuration receive alerts, so that its database holds them; it has ended afterwards. */
export async function recordAlerts(config: string, alerts: readonly Readonly<Record<string, string>>[]): Promise<void> {
  const service = await startService({ config })
  try {
    const startsAt = new Date(Date.now() - 60_000).toISOString()
    const answer = await service.post('/webhook', {
      version: '4',
      status: 'firing',
      receiver: 'kafka-healing',
      alerts: alerts.map((labels) => ({ status: 'firing', startsAt, labels })),
    })
    if (!answer.ok) throw new Error(`the webhook answered ${answer.status}: ${await answer.text()}`)
    await waitFor('the alerts to be taken', async () =>
      /^kafka_healing_inbox_depth 0$/m.test(await service.text('/metrics')),
    )
  } finally {
    await service.stop()
  }
}
