import type { Clock } from '../clock.ts'
import { addressText } from '../inventory/address.ts'
import type { HostPort } from '../inventory/inventory.ts'
import { CLUSTER_METADATA, describeQuorum, NO_ERROR, NOT_LEADER } from './apis.ts'
import { brief } from './brief.ts'
import type { Liveness } from './clients.ts'
import { KafkaConnection, KafkaError, type KafkaSecurity } from './connection.ts'
import { isMajority } from './judge-view.ts'
import type { ControllerSeen, Quorum, Voter } from './view.ts'

/** What the leader says of the quorum. */
export interface QuorumAnswer {
  readonly leader: number
  readonly answeredBy: HostPort
  readonly epoch: number
  /** Milliseconds behind the leader of every node that fetches from it, voters and others; null: never fetched. */
  readonly lags: ReadonlyMap<number, number | null>
  readonly voters: readonly number[]
  readonly listeners: ReadonlyMap<string, number>
}

export interface QuorumSeen {
  readonly quorum: Quorum
  readonly lags: QuorumAnswer['lags'] | null
}

export interface QuorumDeps {
  readonly clock: Clock
  readonly security: KafkaSecurity
  /** How long the whole may take, in milliseconds. */
  readonly withinMs: number
}

/** A healthy idle quorum shows 0 to 500 ms, because followers wait that long for something new. */
export const CAUGHT_UP_MS = 2_000
/** Between two questions to a controller while nobody leads: an election takes about a second. */
const ASK_AGAIN_MS = 150
/** No answer within less would say nothing, and must not take the place of the one before. */
const LEAST_ASK_MS = 300

export interface QuorumQuestion {
  /** The first that claims to lead, as soon as it does; null when nobody did. */
  readonly leader: Promise<QuorumAnswer | null>
  /** What all of them say, when each has answered or its time is over. */
  readonly everybody: Promise<QuorumSeen>
}

type Answer = { readonly says: 'leader'; readonly quorum: QuorumAnswer } | Pick<ControllerSeen, 'says' | 'reason'>

/**
 * Asks every controller itself, because a broker waits for half a minute when its own one hangs. Exactly one leads: while none
 * or two do, they are asked again, since an election may be under way.
 */
export function askQuorum(
  controllers: readonly HostPort[],
  probe: (address: HostPort) => Promise<Liveness>,
  deps: QuorumDeps,
): QuorumQuestion {
  const { clock, withinMs } = deps
  const until = clock.monotonic() + withinMs
  const left = (): number => Math.ceil(until - clock.monotonic())
  const answers = new Map<HostPort, Answer>()
  const found = Promise.withResolvers<QuorumAnswer | null>()
  const claimed = new AbortController()

  const ask = async (address: HostPort): Promise<void> => {
    while (!answers.has(address) || left() > LEAST_ASK_MS) {
      const { answer, final } = await askController(address, { ...deps, withinMs: Math.max(1, left()) })
      answers.set(address, answer)
      if ('quorum' in answer) {
        found.resolve(answer.quorum)
        claimed.abort()
      }
      if (claimed.signal.aborted || final) return
      await clock.sleep(ASK_AGAIN_MS, claimed.signal)
      if (claimed.signal.aborted) return
    }
  }
  const claims = (): readonly HostPort[] => controllers.filter((address) => answers.get(address)?.says === 'leader')
  const settle = async (): Promise<void> => {
    await Promise.all(controllers.map(ask))
    // One of them has not heard yet that it leads no more.
    while (claims().length > 1 && left() > LEAST_ASK_MS + ASK_AGAIN_MS) {
      await clock.sleep(ASK_AGAIN_MS)
      await Promise.all(claims().map(ask))
    }
  }
  const probes = Promise.all(controllers.map(probe))
  const everybody = settle().then(async () => {
    found.resolve(null)
    const livenesses = await probes
    const all = controllers.map((address, at) => seen(address, answers.get(address), livenesses[at]))
    const leaders = [...answers.values()].flatMap((one) => ('quorum' in one ? [one.quorum] : []))
    const [quorum] = leaders
    return quorum === undefined || leaders.length > 1 ? { quorum: leaderless(all), lags: null } : led(quorum, all)
  })
  return { leader: found.promise, everybody }
}

function led(quorum: QuorumAnswer, all: readonly ControllerSeen[]): QuorumSeen {
  const controllers = all.map((controller) => {
    const id = quorum.listeners.get(addressText(controller.address))
    return id === undefined ? controller : { ...controller, id }
  })
  const dead = new Set(controllers.flatMap(({ id, liveness }) => (liveness?.state === 'notServing' ? (id ?? []) : [])))
  const voters = votersOf(quorum).map((voter) => (dead.has(voter.id) ? { ...voter, caughtUp: false } : voter))
  return { quorum: { kind: 'kraft', leader: quorum.leader, voters, controllers }, lags: quorum.lags }
}

/** Through a broker, where the inventory names no controllers. It may hang when the quorum is sick. */
export async function askQuorumThrough(connection: KafkaConnection, deadlineMs: number): Promise<QuorumSeen> {
  const unknown = (reason: string): QuorumSeen => ({
    quorum: { kind: 'unknown', reason, controllers: [] },
    lags: null,
  })
  try {
    const answer = await describe(connection, deadlineMs)
    if (!('quorum' in answer)) return unknown(`a broker passed on: ${answer.reason}`)
    const { quorum } = answer
    return {
      quorum: { kind: 'kraft', leader: quorum.leader, voters: votersOf(quorum), controllers: [] },
      lags: quorum.lags,
    }
  } catch (error) {
    return unknown(`the inventory names no controllers, and a broker does not say: ${brief(error)}`)
  }
}

function votersOf({ voters, lags }: QuorumAnswer): readonly Voter[] {
  return voters.map((id) => {
    const lagMs = lags.get(id) ?? null
    return { id, lagMs, caughtUp: lagMs !== null && lagMs < CAUGHT_UP_MS }
  })
}

/** `final`: asking again would bring the same. */
async function askController(
  address: HostPort,
  { security, withinMs }: QuorumDeps,
): Promise<{ readonly answer: Answer; readonly final: boolean }> {
  let connection: KafkaConnection | null = null
  try {
    connection = await KafkaConnection.open(address, { ...security, deadlineMs: withinMs })
    const answer = await describe(connection, withinMs)
    return { answer, final: answer.says === 'refused' }
  } catch (error) {
    const says = isSilence(error) ? 'silent' : 'refused'
    const closed = error instanceof KafkaError && error.code === 'closed'
    return { answer: { says, reason: brief(error) }, final: says === 'refused' && !closed }
  } finally {
    connection?.close()
  }
}

async function describe(connection: KafkaConnection, deadlineMs: number): Promise<Answer> {
  const topics = [{ topic: CLUSTER_METADATA, partitions: [{ partition: 0 }] }]
  const { errorCode, topics: described, nodes } = await connection.request(describeQuorum, { topics }, deadlineMs)
  const quorum = described[0]?.partitions[0]
  const code = errorCode === NO_ERROR ? quorum?.errorCode : errorCode
  if (code === NOT_LEADER) return { says: 'follower', reason: 'does not lead' }
  if (quorum === undefined || code !== NO_ERROR) return { says: 'refused', reason: `DescribeQuorum: error ${code}` }
  const replicas = [...quorum.voters, ...quorum.observers]
  const newest = replicas.find(({ id }) => id === quorum.leader)?.lastCaughtUpAt ?? -1n
  return {
    says: 'leader',
    quorum: {
      leader: quorum.leader,
      answeredBy: connection.address,
      epoch: quorum.leaderEpoch,
      voters: quorum.voters.map(({ id }) => id),
      lags: new Map(
        replicas.map(({ id, lastCaughtUpAt: at }) => [id, at < 0n || newest < 0n ? null : Number(newest - at)]),
      ),
      listeners: new Map(
        nodes.flatMap(({ id, listeners }) => listeners.map((listener) => [addressText(listener), id] as const)),
      ),
    },
  }
}

const SILENCE: ReadonlySet<unknown> = new Set([
  'timeout',
  'ECONNREFUSED',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
])

function isSilence(error: unknown): boolean {
  return error instanceof Error && 'code' in error && SILENCE.has(error.code)
}

function seen(address: HostPort, answer: Answer | undefined, liveness: Liveness | undefined): ControllerSeen {
  const said = answer ?? { says: 'silent' as const, reason: 'no answer' }
  const base = 'quorum' in said ? { says: said.says, reason: `leads in epoch ${said.quorum.epoch}` } : said
  return { address, ...base, ...(liveness === undefined ? {} : { liveness }) }
}

/**
 * What follows where no one controller leads. Nobody does, if every controller said so or is known to be down, or so many are
 * down that the others are no majority. Else one that could not be asked may be the leader.
 */
export function leaderless(controllers: readonly ControllerSeen[]): Quorum {
  const said = controllers.map(({ address, says, reason }) => `${addressText(address)} ${says} (${reason})`).join('; ')
  const followers = controllers.filter(({ says }) => says === 'follower')
  const dead = controllers.filter(({ says, liveness }) => says === 'silent' && liveness?.state === 'notServing')
  const claims = controllers.some(({ says }) => says === 'leader')
  const inDoubt = followers.length + dead.length < controllers.length
  if (claims || (inDoubt && isMajority(controllers.length - dead.length, controllers.length)))
    return { kind: 'unknown', reason: `no controller is known to lead: ${said}`, controllers }
  return { kind: 'frozen', reason: `no controller leads: ${said}`, controllers }
}
