import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { brokerNode, rackOf } from './brokers.ts'
import { proxyHost } from './cuts.ts'
import { smtpCertificate } from './mail.ts'
import { webhookToken, webhookTokenFile } from './monitoring.ts'
import { clientKeyFile } from './sshd.ts'
import type { BrokerNode, LabState, SmallUnit } from './state.ts'

export function healingFolder(state: LabState): string {
  return join(state.dir, 'healing')
}

/** Writes config.yml and inventory.yml for a kafka-healing that looks after this lab; rules are the caller's. */
export function writeHealingFiles(state: LabState): void {
  const dir = healingFolder(state)
  mkdirSync(join(dir, 'rules'), { recursive: true })
  writeFileSync(webhookTokenFile(state), webhookToken, { mode: 0o600 })
  writeFileSync(join(dir, 'inventory.yml'), stringify(inventory(state)))
  writeFileSync(join(dir, 'config.yml'), stringify(configuration(state)))
}

function inventory(state: LabState): object {
  const address = (id: number, port: number): string => `${state.proxied ? proxyHost(id) : '127.0.0.1'}:${port}`
  return {
    clusters: {
      orders: {
        cluster_id: state.clusterId,
        bootstrap: brokersOf(state).map((node) => address(node.id, node.port)),
        controllers: [...brokersOf(state), ...state.controllers].flatMap(({ id, controllerPort }) =>
          controllerPort === null ? [] : [address(id, controllerPort)],
        ),
        connection: {
          driver: 'ssh',
          user: state.ssh?.user ?? 'nobody',
          port: state.ports.ssh,
          key_file: clientKeyFile(state),
          host_key: state.ssh?.hostKey ?? noHostKey,
        },
        units: { manager: 'user' },
        // The lab's disk is whatever the machine has left.
        min_free: { bytes: '64MiB', ratio: 0 },
        brokers: brokersOf(state).map((node) => ({
          id: node.id,
          host: '127.0.0.1',
          address: address(node.id, node.port),
          unit: node.unit,
          rack: rackOf(node),
          data: [join(node.dir, 'data')],
          aliases: [local(node.jmxPort)],
        })),
        exporters: exportersOf(state).map(({ name, unit, port }) => ({
          name,
          host: '127.0.0.1',
          ...(port === null ? {} : { address: local(port) }),
          unit,
        })),
      },
    },
  }
}

/** Without SSH in the lab nothing can be acted on; the file still has to be whole. */
const noHostKey = `SHA256:${'A'.repeat(43)}`

/** An inventory names at least one broker; a lab without Kafka lists one that does not exist, on a port that nobody has. */
function brokersOf(state: LabState): readonly BrokerNode[] {
  if (state.brokers.length > 0) return state.brokers
  return [brokerNode(state.dir, 1, [state.ports.exporter, state.ports.blackbox, state.ports.prometheus])]
}

function exportersOf(state: LabState): readonly SmallUnit[] {
  const exporter = { name: 'kafka-exporter', unit: 'kafka-exporter.service', port: state.ports.exporter }
  return state.parts.includes('exporter') ? [exporter, ...state.smallUnits] : state.smallUnits
}

function configuration(state: LabState): object {
  const monitored = {
    prometheus: { url: `http://${local(state.ports.prometheus)}` },
    alertmanagers: [{ url: `http://${local(state.ports.alertmanager)}` }],
  }
  return {
    listen: local(state.ports.healing),
    database: 'data/kafka-healing.db',
    inventory: 'inventory.yml',
    rules: ['rules/*.yml'],
    webhook: { credentials: [{ token_file: webhookTokenFile(state) }] },
    ...(state.parts.includes('monitoring') ? monitored : {}),
    smtp: {
      host: '127.0.0.1',
      port: state.ports.smtpTls,
      security: 'starttls',
      ca_file: smtpCertificate,
      from: 'kafka-healing@example.com',
    },
    receivers: { 'kafka-oncall': ['oncall@example.com'] },
  }
}

function local(port: number): string {
  return `127.0.0.1:${port}`
}
