import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RecordedProcess } from './processes.ts'

export const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
export const labHome = join(repository, '.lab')
/** Jars, class archives, formatted data folders, certificates: shared by all labs, safe to delete. */
export const cacheHome = join(labHome, 'cache')

/** `units` (the user manager) always runs; the rest is chosen. */
export type Part = 'kafka' | 'exporter' | 'monitoring' | 'ssh' | 'mail'
export const allParts: readonly Part[] = ['kafka', 'exporter', 'monitoring', 'ssh', 'mail']

export interface KafkaNode {
  readonly id: number
  readonly unit: string
  /** Where the quorum is asked; null for a broker in a lab with controllers of their own. */
  readonly controllerPort: number | null
  readonly jmxPort: number
  readonly dir: string
}

export interface BrokerNode extends KafkaNode {
  readonly port: number
}

export interface SmallUnit {
  readonly name: string
  readonly unit: string
  /** Set when the unit serves HTTP; null when it only sleeps. */
  readonly port: number | null
}

/** Everything another process needs to find, use and end a lab: written to `.lab/<name>.json`. */
export interface LabState {
  readonly name: string
  readonly dir: string
  /** XDG_RUNTIME_DIR; short, because a socket's path has to stay under 108 characters. */
  readonly runtimeDir: string
  /** A lab whose owner is gone is swept by the next one; null for labs that are meant to stay. */
  readonly owner: RecordedProcess | null
  readonly parts: readonly Part[]
  readonly clusterId: string
  readonly sessionTimeoutMs: number
  readonly scrapeIntervalSeconds: number
  readonly webhooks: readonly string[]
  readonly brokers: readonly BrokerNode[]
  /** Controllers that are no brokers; empty where the brokers are the controllers too. */
  readonly controllers: readonly KafkaNode[]
  /** The inventory points at proxies (cuts.ts) in the process that started the lab. */
  readonly proxied: boolean
  readonly ports: {
    readonly exporter: number
    readonly blackbox: number
    readonly prometheus: number
    readonly alertmanager: number
    readonly ssh: number
    readonly smtp: number
    readonly smtpTls: number
    /** For kafka-healing itself, which the caller starts. */
    readonly healing: number
  }
  readonly ssh: { readonly user: string; readonly hostKey: string } | null
  readonly smallUnits: readonly SmallUnit[]
  readonly processes: Readonly<Record<string, RecordedProcess>>
}

/** The one mutable thing of a lab: its state, written through to the file on every change. */
export class StateFile {
  #state: LabState

  constructor(state: LabState) {
    this.#state = state
    this.update({})
  }

  get now(): LabState {
    return this.#state
  }

  update(change: Partial<LabState>): void {
    this.#state = { ...this.#state, ...change }
    const file = stateFile(this.#state.name)
    writeFileSync(`${file}.new`, `${JSON.stringify(this.#state, null, 2)}\n`)
    renameSync(`${file}.new`, file)
  }

  recordProcess(name: string, process: RecordedProcess): void {
    this.update({ processes: { ...this.#state.processes, [name]: process } })
  }

  forget(): void {
    rmSync(stateFile(this.#state.name), { force: true })
  }
}

export function stateFile(name: string): string {
  mkdirSync(labHome, { recursive: true })
  return join(labHome, `${name}.json`)
}

export function readState(name: string): LabState | null {
  const file = stateFile(name)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as LabState) : null
}

export function knownLabs(): string[] {
  if (!existsSync(labHome)) return []
  return readdirSync(labHome)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
}
