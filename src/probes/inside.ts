import type { Liveness } from '../kafka/clients.ts'
import type { LookContext } from './probe.ts'

/** A tunnel and an answer take milliseconds; a connection that must be made first, some hundred. */
const OPEN_LIMIT_MS = 5_000
const ANSWER_LIMIT_MS = 2_000

/**
 * ApiVersions asked on the target's own host (S-5.4): no firewall, proxy or routing of ours stands in between. What keeps
 * the question from being put is `unknown`, with the reason.
 */
export async function askInside({ host, target, kafka }: LookContext): Promise<Liveness> {
  const { address, cluster } = target
  const say = (state: Liveness['state'], why: Liveness['why'], detail: string): Liveness => ({
    state,
    why,
    detail,
    ms: 0,
  })
  if (!address) return say('unknown', 'error', 'the inventory names no listener')
  const reached = await host.connect(address, OPEN_LIMIT_MS)
  if (reached.kind === 'refused') return say('notServing', 'refused', reached.reason)
  if (reached.kind === 'notAccepted') return say('unknown', 'connect-timeout', reached.reason)
  if (reached.kind === 'notOpened') return say('unknown', 'unreachable', `from ${host.name}: ${reached.reason}`)
  if (reached.kind === 'here') return kafka.liveness(address, ANSWER_LIMIT_MS, cluster)
  return kafka.livenessOver(reached.stream, address, ANSWER_LIMIT_MS, cluster)
}
