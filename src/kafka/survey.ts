import { isAbsolute } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Cluster, HostPort } from '../inventory/inventory.ts'
import { readBrokerSettings, readLogDirectories } from './ask-broker.ts'
import { brief } from './brief.ts'
import { KafkaConnection, type KafkaSecurity } from './connection.ts'
import { fragileTopics } from './judge-view.ts'
import { type ControllersSurveyed, controllersIn, readVoters, type VotersRead } from './survey-controllers.ts'
import { takeView } from './take-view.ts'
import type { BrokerSeen, ClusterView, ViewProblem } from './view.ts'

/** What a live cluster says of itself to somebody who knows one listener: the beginnings of an inventory. */
export interface ClusterSurvey {
  readonly clusterId: string | null
  /** In the order of their ids. */
  readonly brokers: readonly BrokerSurveyed[]
  readonly controllers: ControllersSurveyed
  /** Brokers that hold replicas and that nobody lists: down, on a cluster that says no more of them (before Kafka 4). */
  readonly unlisted: readonly number[]
  /** Topics of which no replica can be missed. */
  readonly fragile: readonly string[]
  /** What could not be read of the cluster as a whole, in sentences. */
  readonly problems: readonly string[]
}

export interface BrokerSurveyed extends HostPort {
  readonly id: number
  readonly rack: string | null
  /** Registered and kept out of the cluster: down, starting or shutting down. */
  readonly fenced: boolean
  /** Null: not known; `problem` says why. */
  readonly data: readonly string[] | null
  readonly problem: string | null
}

export interface SurveyDeps {
  readonly clock: Clock
  readonly security: KafkaSecurity
}

/** For reaching one broker, and for each of its answers. Nobody's repair waits for it, and a first cluster may be far away. Milliseconds. */
const ANSWER_MS = 3_000

/** What `init` writes down. `log.dir` is what holds while `log.dirs` is not set. */
const SETTINGS = [
  'log.dirs',
  'log.dir',
  'zookeeper.connect',
  'controller.quorum.voters',
  'controller.quorum.bootstrap.servers',
  'controller.listener.names',
  'listener.security.protocol.map',
]

/** Asks one of the given listeners for the cluster, then every broker for itself. Null when none of them could be read. Never rejects. */
export async function surveyCluster(bootstrap: readonly HostPort[], deps: SurveyDeps): Promise<ClusterSurvey | null> {
  const view = await takeView(onlyListeners(bootstrap), { ...deps, controllerSecurity: deps.security })
  if (view.brokers.length === 0) return null
  const brokers = view.brokers.toSorted((a, b) => a.id - b.id)
  const answers = await Promise.all(brokers.map((broker) => askItself(broker, deps)))
  const settings = answers.flatMap(({ settings }) => settings ?? [])
  const known = new Set(brokers.map(({ id }) => id))
  const holders = view.partitions.flatMap(({ replicas }) => replicas)
  return {
    clusterId: view.clusterId,
    brokers: brokers.flatMap((broker, index) => surveyed(broker, answers[index])),
    controllers: controllersIn(
      settings,
      answers.flatMap(({ voters }) => voters ?? []),
    ),
    unlisted: [...new Set(holders)].filter((id) => !known.has(id)).toSorted((a, b) => a - b),
    fragile: fragileTopics(view, []),
    problems: problemsOf(view),
  }
}

/** A cluster of which nothing is known yet. */
function onlyListeners(bootstrap: readonly HostPort[]): Cluster {
  return {
    name: '',
    clusterId: null,
    bootstrap,
    controllers: [],
    zookeepers: [],
    security: null,
    brokers: [],
    exporters: [],
    tolerateUnavailable: [],
  }
}

/** Parts of a view that say nothing of who belongs to the cluster. */
const PASSING: ReadonlySet<ViewProblem['part']> = new Set(['reassignments', 'eligibleReplicas'])

function problemsOf({ problems }: ClusterView): readonly string[] {
  const lasting = problems.filter(({ part }) => !PASSING.has(part))
  return lasting.map(({ part, reason }) => (part === 'rights' ? reason : `${part} cannot be read: ${reason}`))
}

interface OwnAnswer {
  readonly settings: ReadonlyMap<string, string | null> | null
  readonly data: readonly string[] | null
  readonly voters: VotersRead | null
  readonly problem: string | null
}

async function askItself({ id, address, fenced }: BrokerSeen, { security }: SurveyDeps): Promise<OwnAnswer> {
  const nothing = { settings: null, data: null, voters: null }
  if (address === null) return { ...nothing, problem: 'it says nothing of where it listens' }
  let connection: KafkaConnection
  try {
    connection = await KafkaConnection.open(address, { ...security, deadlineMs: ANSWER_MS })
  } catch (error) {
    return { ...nothing, problem: `${fenced === true ? 'fenced, and ' : ''}not reached from here: ${brief(error)}` }
  }
  const reasons: string[] = []
  const part = async <T>(work: Promise<T>): Promise<T | null> => {
    try {
      return await work
    } catch (error) {
      reasons.push(brief(error))
      return null
    }
  }
  try {
    const [settings, used, voters] = await Promise.all([
      part(readBrokerSettings(connection, id, SETTINGS, ANSWER_MS)),
      part(readLogDirectories(connection, ANSWER_MS)),
      // A sick quorum is told of by whoever looks at it; here it only means that settings must do.
      readVoters(connection, ANSWER_MS).catch(() => null),
    ])
    const data = directoriesIn(settings, used ?? [])
    return {
      settings,
      data,
      voters,
      problem: data === null ? reasons.join('; ') || 'it names no data directory' : null,
    }
  } finally {
    connection.close()
  }
}

/** As set, offline ones too; a relative path, or settings that are hidden, leave what the broker uses now. */
function directoriesIn(
  settings: ReadonlyMap<string, string | null> | null,
  used: readonly string[],
): readonly string[] | null {
  const written = settings?.get('log.dirs') ?? settings?.get('log.dir') ?? ''
  const set = written.split(',').flatMap((path) => (path.trim() === '' ? [] : [path.trim()]))
  const paths = set.length > 0 && set.every((path) => isAbsolute(path)) ? set : used.filter((path) => isAbsolute(path))
  return paths.length === 0 ? null : [...new Set(paths)]
}

function surveyed({ id, address, rack, fenced }: BrokerSeen, answer: OwnAnswer | undefined): readonly BrokerSurveyed[] {
  if (address === null || answer === undefined) return []
  return [{ id, ...address, rack, fenced: fenced === true, data: answer.data, problem: answer.problem }]
}
