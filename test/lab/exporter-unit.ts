import { join } from 'node:path'
import { program } from './processes.ts'
import type { LabState } from './state.ts'
import { startUnits } from './user-manager.ts'
import { waitFor } from './wait.ts'

/** Starts kafka-exporter.service: the stand-in, or the real kafka_exporter when one is on the PATH. */
export async function startExporter(state: LabState): Promise<void> {
  const argv = exporterCommand(state)
  await startUnits(state, {
    'kafka-exporter.service': `[Unit]
Description=Kafka exporter
[Service]
Type=exec
Environment=PATH=${process.env['PATH']}
ExecStart=${argv.join(' ')}
StandardOutput=append:${join(state.dir, 'kafka-exporter.log')}
StandardError=append:${join(state.dir, 'kafka-exporter.log')}
Restart=no`,
  })
  const url = `http://127.0.0.1:${state.ports.exporter}/metrics`
  await waitFor(
    'the Kafka exporter',
    async () => (await (await fetch(url)).text()).includes('kafka_brokers'),
    30_000,
    100,
  )
}

function exporterCommand(state: LabState): string[] {
  const brokers = state.brokers.map((node) => `127.0.0.1:${node.port}`)
  const real = realExporter()
  if (real !== null)
    return [
      real,
      `--web.listen-address=127.0.0.1:${state.ports.exporter}`,
      ...brokers.map((at) => `--kafka.server=${at}`),
    ]
  return [
    process.execPath,
    join(import.meta.dirname, 'kafka-exporter.ts'),
    `127.0.0.1:${state.ports.exporter}`,
    brokers.join(','),
  ]
}

function realExporter(): string | null {
  try {
    return program('kafka_exporter')
  } catch {
    return null
  }
}
