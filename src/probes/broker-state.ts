import type { Instant } from '../clock.ts'
import type { Host } from '../hosts/host.ts'
import type { Evidence } from '../incident/verdict.ts'
import type { Cluster, Target, Unit } from '../inventory/inventory.ts'
import { resolveSubject } from '../inventory/resolve.ts'
import type { LookContext, PromSample } from './probe.ts'
import { LOOK_LIMIT_MS, timesOfLook, unitOfLook } from './unit-state.ts'

/** `BrokerState` as the broker's own metric counts it (KafkaServer,name=BrokerState). */
const STATES: Readonly<Record<number, string>> = {
  0: 'not running',
  1: 'starting',
  2: 'recovering its logs',
  3: 'running',
  6: 'shutting down in good order',
  7: 'shutting down',
}
export const RUNNING = 3

/** jmx_exporter's names, the same in the rules of Kafka's examples, of Strimzi, of Confluent, and in deploy/. */
const STATE = 'kafka_server_kafkaserver_brokerstate'
/** There only while logs are recovered. */
const REMAINING = /^kafka_log_logmanager_remaining(logs|segments)torecover$/

/** Clocks of two hosts may differ by this: what was seen that soon after a process began could be of the one before. */
export const CLOCKS_APART_MS = 30_000
/** What an incident may last (S-6.1). A broker that hung longer ago has no sample that says what it was. */
const LOOK_BACK_MS = 2 * 60 * 60_000

/** What the broker's process said of itself since it began (S-2.6). */
export interface BrokerState {
  /** The last `BrokerState` in Prometheus since the process began; null when there is none. */
  readonly state: number | null
  /** Logs and segments to recover, added up; null when there is no such series, which is so outside of a recovery. */
  readonly remaining: number | null
  /** By the journal of this invocation, asked only where Prometheus has no state. */
  readonly journal: 'started' | 'starting' | null
  /** When the process began, by its host's clock to the second. */
  readonly began: Instant | null
  /** Why something is not known. */
  readonly problems: readonly string[]
  readonly at: Instant
}

const reads = new WeakMap<LookContext, Promise<BrokerState>>()

/** Read once per look, whichever guard or probe asks first. Never throws. */
export function brokerStateOf(context: LookContext): Promise<BrokerState> {
  const read = reads.get(context) ?? readBrokerState(context)
  reads.set(context, read)
  return read
}

async function readBrokerState(context: LookContext): Promise<BrokerState> {
  const { host, target, clock, signal } = context
  const [times, unit] = await Promise.all([timesOfLook(context), unitOfLook(context)])
  const began = 'problem' in times ? null : times.processAt
  const asked = await askPrometheus(context, began)
  if (asked.state !== null || 'problem' in unit || unit.invocationId === '')
    return { ...asked, began, journal: null, at: clock.now() }
  const journal = await readJournal(host, target.unit, unit.invocationId, signal)
  const silent = journal === null ? ['the journal shows no line of this process'] : []
  return { ...asked, began, journal, problems: [...asked.problems, ...silent], at: clock.now() }
}

async function askPrometheus(
  { monitoring, cluster, target, clock }: Pick<LookContext, 'monitoring' | 'cluster' | 'target' | 'clock'>,
  began: Instant | null,
): Promise<Pick<BrokerState, 'state' | 'remaining' | 'problems'>> {
  const none = (...problems: readonly string[]) => ({ state: null, remaining: null, problems })
  if (!monitoring.prometheus) return none('Prometheus is not configured')
  if (began === null) return none('systemd does not say when the process began')
  const ageMs = Math.min(clock.now() - began - CLOCKS_APART_MS, LOOK_BACK_MS)
  try {
    const mine = (samples: readonly PromSample[]) => samples.filter((sample) => isOf(target, cluster, sample))
    const [remaining, states] = await Promise.all([
      monitoring.prometheus(`{__name__=~"${REMAINING.source}"}`).then(mine),
      // `up` ends with the process, and so does a plain query: what a hung process said last is what counts.
      ageMs < 1_000 ? [] : monitoring.prometheus(`last_over_time(${STATE}[${Math.floor(ageMs / 1000)}s])`).then(mine),
    ])
    const values = [...new Set(states.map(({ value }) => value))]
    return {
      state: values.length === 1 ? (values[0] ?? null) : null,
      remaining: remaining.length === 0 ? null : remaining.reduce((sum, { value }) => sum + value, 0),
      problems:
        values.length === 1
          ? []
          : [
              values.length === 0
                ? 'Prometheus has no BrokerState of this process'
                : `Prometheus has several: ${values.join(', ')}`,
            ],
    }
  } catch (error) {
    return none(error instanceof Error ? error.message : String(error))
  }
}

/** By the same rules as an alert's labels (S-2.1): nothing of a series goes into a question, and another's is not ours. */
function isOf(target: Target, cluster: Cluster, { labels }: PromSample): boolean {
  const inventory = { clusters: new Map([[cluster.name, cluster]]), targets: new Map() }
  const subject = resolveSubject({ kind: 'broker', from: 'labels' }, labels, '', inventory)
  return subject.kind !== 'unresolved' && subject.target === target.key
}

/**
 * What Kafka writes once it serves: `[KafkaRaftServer nodeId=1] Kafka Server started`, `[KafkaServer id=1] started`, and
 * `Transitioning from RECOVERY to RUNNING`.
 */
const STARTED = /Kafka Server started|KafkaServer id=[0-9]+\] started|from RECOVERY to RUNNING/
/** Constant; unit and patterns reach it as arguments. Says whether there is any line of the process, then the last that matches. */
const SCRIPT = `journalctl "$@" -q --no-pager -o cat 2>/dev/null | { IFS= read -r line || exit 9; echo read; { printf '%s\\n' "$line"; cat; } | grep -aE -e '${STARTED.source}' | tail -n 1; }`

async function readJournal(
  host: Host,
  { manager }: Unit,
  invocation: string,
  signal: AbortSignal,
): Promise<'started' | 'starting' | null> {
  if (!/^[0-9a-f]{32}$/.test(invocation)) return null
  const argv = [
    'sh',
    '-c',
    SCRIPT,
    'journal',
    ...(manager === 'user' ? ['--user'] : []),
    `_SYSTEMD_INVOCATION_ID=${invocation}`,
  ]
  const run = await host.run(argv, { limitMs: LOOK_LIMIT_MS, signal })
  if (run.kind !== 'exited' || run.exitCode !== 0 || run.timedOut || !run.stdout.startsWith('read\n')) return null
  return STARTED.test(run.stdout) ? 'started' : 'starting'
}

/** Whether this process has served since it began, by its own word: once it runs, it never recovers again. */
export function hasRun({ state, journal }: BrokerState): boolean {
  return state === RUNNING || (state === null && journal === 'started')
}

export function describeState({ state, remaining, journal, problems }: BrokerState): string {
  const said = state === null ? null : `BrokerState ${state}${STATES[state] ? ` (${STATES[state]})` : ''}`
  const logs = remaining === null ? null : `${remaining} logs and segments to recover`
  const lines =
    journal === null ? null : `the journal says that it has ${journal === 'started' ? 'started' : 'not started yet'}`
  const parts = [said, logs, lines].filter((part) => part !== null)
  return parts.length > 0 ? parts.join(', ') : problems.join('; ')
}

export function stateEvidence({ state, remaining, journal, at }: BrokerState): readonly Evidence[] {
  return [
    { name: 'BrokerState', value: state, source: 'prometheus', at },
    { name: 'logs to recover', value: remaining, source: 'prometheus', at },
    ...(state === null ? [{ name: 'started', value: journal, source: 'journal', at }] : []),
  ]
}
