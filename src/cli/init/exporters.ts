import { addressText } from '../../inventory/address.ts'
import type { HostPort } from '../../inventory/inventory.ts'
import type { BrokerSurveyed } from '../../kafka/survey.ts'
import { type Answers, forBroker } from './answers.ts'

/** A scrape of a broker with many partitions takes seconds. */
const LIMIT_MS = 10_000

/** Looks once at each exporter that was named, from here and not from where Prometheus is. What is not as the alerts need it. */
export async function exporterWarnings(
  answers: Answers,
  brokers: readonly BrokerSurveyed[],
): Promise<readonly string[]> {
  const { jmxPort, exporter } = answers
  const agents = brokers.flatMap(({ id, host }) => {
    const port = jmxPort && forBroker(jmxPort, id)
    return port
      ? [
          {
            address: { host, port },
            what: `the JMX exporter of broker ${id}`,
            metric: 'kafka_server_kafkaserver_brokerstate',
          },
        ]
      : []
  })
  const all = [...agents, ...(exporter ? [{ address: exporter, what: 'kafka_exporter', metric: 'kafka_brokers' }] : [])]
  const found = await Promise.all(
    all.map(async ({ address, what, metric }) => {
      const problem = await problemAt(address, metric)
      return problem === null ? [] : [`${what} at ${addressText(address)}: ${problem}`]
    }),
  )
  return found.flat()
}

async function problemAt(address: HostPort, metric: string): Promise<string | null> {
  try {
    const answer = await fetch(`http://${addressText(address)}/metrics`, {
      signal: AbortSignal.timeout(LIMIT_MS),
      redirect: 'manual',
    })
    if (!answer.ok) return `/metrics answers with status ${answer.status}`
    const lines = (await answer.text()).split('\n')
    if (lines.some((line) => line.startsWith(metric))) return null
    return `it has no ${metric}, which the alerts ask for`
  } catch (error) {
    const reason = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : ''
    return `cannot be scraped from here: ${reason}`
  }
}
