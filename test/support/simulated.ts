/** Configurations and scenarios for tests that run in simulation. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { formatProblem } from '../../src/document/problem.ts'
import { type Configuration, loadConfiguration } from '../../src/rules/configuration.ts'
import { granted } from '../../src/rules/granted.ts'
import { Scenario } from '../../src/simulation/facts.ts'
import { type Simulation, simulate } from '../../src/simulation/simulation.ts'
import { type RuleFile, shippedRules } from './rules.ts'

const KEY = `SHA256:${'A'.repeat(43)}`

/** A cluster of so many brokers, of which the first three are its controllers as well, and so many exporters. */
export function inventoryOf(
  brokers: number,
  exporters: number,
  change: Readonly<Record<string, unknown>> = {},
): unknown {
  const host = (id: number) => `kafka-${id}`
  const ids = Array.from({ length: brokers }, (_, at) => at + 1)
  const orders = {
    cluster_id: 'MkU3OEVBNTcwNTJENDM2Qk',
    bootstrap: ids.map((id) => `${host(id)}:9092`),
    controllers: ids.slice(0, 3).map((id) => `${host(id)}:9093`),
    connection: { driver: 'ssh', user: 'healer', key_file: 'key', host_key: KEY },
    brokers: ids.map((id) => ({
      id,
      host: host(id),
      unit: 'kafka.service',
      data: [{ path: '/var/lib/kafka', mount: true }],
    })),
    exporters: Array.from({ length: exporters }, (_, at) => ({
      name: `exporter-${at + 1}`,
      host: host(at + 1),
      unit: 'exporter.service',
      address: `127.0.0.1:${9308 + at}`,
    })),
    ...change,
  }
  return { clusters: { orders } }
}

const config = {
  inventory: 'inventory.yml',
  alertmanagers: [{ url: 'http://127.0.0.1:9093' }],
  prometheus: { url: 'http://127.0.0.1:9090' },
  smtp: { host: '127.0.0.1', security: 'plain', from: 'kafka-healing@example.org' },
  receivers: { 'kafka-oncall': ['kafka-oncall@example.org'] },
}

/** The shipped rules with what a test changes, for an inventory of five brokers and three exporters. */
export function configurationOf(
  change: {
    readonly rules?: (shipped: RuleFile) => RuleFile
    readonly inventory?: unknown
    readonly config?: Readonly<Record<string, unknown>>
  } = {},
): Configuration {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-simulated-'))
  try {
    mkdirSync(join(folder, 'rules'))
    cpSync(join(import.meta.dirname, '../../docs/runbooks'), join(folder, 'docs/runbooks'), { recursive: true })
    writeFileSync(join(folder, 'key'), 'a key', { mode: 0o600 })
    writeFileSync(join(folder, 'inventory.yml'), stringify(change.inventory ?? inventoryOf(5, 3)))
    writeFileSync(join(folder, 'rules/kafka.yml'), stringify((change.rules ?? ((same) => same))(shippedRules())))
    writeFileSync(join(folder, 'config.yml'), stringify({ ...config, ...change.config }))
    const loaded = loadConfiguration(join(folder, 'config.yml'), granted, {}, Date.parse('2026-01-05T09:00:00Z'))
    if ('problems' in loaded) throw new Error(loaded.problems.map(formatProblem).join('\n'))
    return loaded.ok
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A scenario as a test file writes it. */
export function scenarioOf(text: string): Scenario {
  return Scenario.parse(parse(text))
}

/** Simulates it until so many minutes after its start. Whoever gets the simulation closes it. */
export async function simulated(text: string, minutes: number, configuration: Configuration): Promise<Simulation> {
  const simulation = await simulate(scenarioOf(text), configuration)
  await simulation.runUntil(minutes * 60_000)
  return simulation
}
