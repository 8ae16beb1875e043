import { systemClock } from '../../src/clock.ts'
import type { Intent } from '../../src/guards/guard.ts'
import type { Host, RunResult } from '../../src/hosts/host.ts'
import { localHost } from '../../src/hosts/local.ts'
import { redactorOf } from '../../src/hosts/transcript.ts'
import type { UnitSeen } from '../../src/incident/unit.ts'
import type { Cluster, HostPort, Target } from '../../src/inventory/inventory.ts'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import { type LookContext, type Memory, NO_MEMORY } from '../../src/probes/probe.ts'
import { planOf } from './plan.ts'

export const local: Host = localHost({ clock: systemClock, redact: redactorOf([]), runtimeDir: '/nonexistent' })

/** A host that answers every command as told and forwards nothing, for what real ones do too rarely. */
export function fakeHost(run: (argv: readonly string[]) => Promise<RunResult>): Host {
  return { name: 'fake', run, connect: async () => ({ kind: 'notOpened', reason: 'no route' }) }
}

export function brokerTarget(id: number, change: Partial<Target> = {}): Target {
  return {
    key: `orders/broker/${id}`,
    kind: 'broker',
    cluster: 'orders',
    name: String(id),
    host: `kafka-${id}`,
    connection: { driver: 'local' },
    unit: { name: 'kafka.service', manager: 'system', sudo: false },
    address: { host: '127.0.0.1', port: 9092 },
    aliases: [],
    data: [],
    rack: null,
    minFree: { bytes: 0, ratio: 0 },
    ...change,
  }
}

export function clusterOf(brokers: readonly Target[], change: Partial<Cluster> = {}): Cluster {
  return {
    name: 'orders',
    clusterId: 'MkU3OEVBNTcwNTJENDM2Qk',
    bootstrap: brokers.flatMap(({ address }): readonly HostPort[] => (address ? [address] : [])),
    controllers: [],
    zookeepers: [],
    security: null,
    brokers,
    exporters: [],
    tolerateUnavailable: [],
    ...change,
  }
}

/** A unit that was killed: what `kill -9` leaves on systemd 252. */
export function killedUnit(change: Partial<UnitSeen> = {}): UnitSeen {
  return {
    activeState: 'failed',
    subState: 'failed',
    loadState: 'loaded',
    unitFileState: 'enabled',
    result: 'signal',
    execMainCode: '2',
    execMainStatus: 9,
    invocationId: 'a'.repeat(32),
    nRestarts: 0,
    queuedJob: null,
    at: 0,
    ...change,
  }
}

export function runningUnit(change: Partial<UnitSeen> = {}): UnitSeen {
  const running = {
    activeState: 'active',
    subState: 'running',
    result: 'success',
    execMainCode: '0',
    execMainStatus: 0,
  }
  return killedUnit({ ...running, ...change })
}

export function intentOf(change: Partial<Intent> = {}): Intent {
  return {
    incident: 1,
    plan: planOf(),
    targetKey: 'orders/broker/1',
    cluster: 'orders',
    attempt: 1,
    disruptive: false,
    byPerson: false,
    alerts: [],
    firstSeenUnit: null,
    ourInvocations: [],
    changedByUs: false,
    ...change,
  }
}

/** What is remembered of a target that nobody has seen yet. */
export function memoryOf(change: Partial<Memory> = {}): Memory {
  return { ...NO_MEMORY, ...change }
}

export const noKafka: KafkaClients = {
  liveness: async () => ({ state: 'unknown', why: 'error', detail: 'not set up', ms: 0 }),
  livenessOver: async (stream) => {
    stream.destroy()
    return { state: 'unknown', why: 'error', detail: 'not set up', ms: 0 }
  },
  metadata: async () => {
    throw new Error('no broker to ask')
  },
  view: async () => {
    throw new Error('no broker to ask')
  },
}

/** A context where nothing answers until a test says otherwise. */
export function lookContext(change: Partial<LookContext> = {}): LookContext {
  const target = change.target ?? brokerTarget(1)
  return {
    target,
    cluster: clusterOf([target]),
    host: local,
    local,
    kafka: noKafka,
    view: async () => {
      throw new Error('no broker to ask')
    },
    monitoring: { prometheus: null, alertmanager: null },
    memory: memoryOf(),
    clock: systemClock,
    signal: new AbortController().signal,
    ...change,
  }
}
