import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type RuleFile, writeRules } from '../test/support/rules.ts'

const root = join(import.meta.dirname, '..')

/** A folder with everything that a kafka-healing of its own needs; on the disk of the working tree, not in memory. */
export interface Home {
  readonly folder: string
  readonly config: string
  readonly database: string
  remove(): void
}

export interface HomeOptions {
  readonly exporters: readonly string[]
  readonly rules: RuleFile
  /** Unit of an exporter; default: its name. */
  readonly unitOf?: (exporter: string) => string
  /** Port of the one broker on loopback; without it nothing listens. */
  readonly broker?: number
  /** Port of the SMTP server on loopback; without it no mail gets anywhere. */
  readonly smtp?: number
}

/** Every target is on this machine (`driver: local`), so that no network is in what is measured. */
export function makeHome({
  exporters,
  rules,
  unitOf = (name) => `${name}.service`,
  broker = 1,
  smtp = 1,
}: HomeOptions): Home {
  const folder = scratch()
  const database = join(folder, 'bench.db')
  const config = {
    listen: '127.0.0.1:0',
    database,
    inventory: 'inventory.yml',
    rules: ['rules/*.yml'],
    smtp: { host: '127.0.0.1', port: smtp, security: 'plain', from: 'kafka-healing@example.com' },
    receivers: { 'kafka-oncall': ['oncall@example.com'] },
  }
  const inventory = {
    clusters: {
      orders: {
        cluster_id: 'MkU3OEVBNTcwNTJENDM2Qk',
        bootstrap: [`127.0.0.1:${broker}`],
        connection: { driver: 'local' },
        units: { manager: 'user' },
        brokers: [{ id: 1, host: '127.0.0.1', address: `127.0.0.1:${broker}`, unit: 'kafka.service', data: [folder] }],
        exporters: exporters.map((name) => ({ name, host: '127.0.0.1', unit: unitOf(name) })),
      },
    },
  }
  writeFileSync(join(folder, 'config.yml'), stringify(config))
  writeFileSync(join(folder, 'inventory.yml'), stringify(inventory))
  writeRules(folder, rules)
  return {
    folder,
    config: join(folder, 'config.yml'),
    database,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** An empty folder of its own, the caller's to remove. */
export function scratch(): string {
  mkdirSync(join(root, '.lab'), { recursive: true })
  return mkdtempSync(join(root, '.lab/bench-'))
}

/** Resident memory of a process in MiB: now, and the most it ever had. */
export function residentMiB(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
  return { now: kib('VmRSS') / 1024, peak: kib('VmHWM') / 1024 }
}
