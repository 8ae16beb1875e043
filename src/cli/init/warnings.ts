import { addressText } from '../../inventory/address.ts'
import type { ClusterSurvey } from '../../kafka/survey.ts'
import type { Found } from './inventory-text.ts'

/** How many topics a warning names. */
const NAMED = 5

/** What the written files leave open, or what a person should know of the cluster. */
export function warningsOf({ survey, hostKeys }: Found): readonly string[] {
  return [
    ...survey.problems,
    ...hidden(survey),
    ...survey.brokers.flatMap((broker) => {
      const where = `broker ${broker.id} at ${addressText(broker)}`
      if (broker.data === null)
        return [`${where}: ${broker.problem}; put its log.dirs under \`data\`, without them nothing is done there`]
      return broker.fenced ? [`${where} is fenced: down, starting or shutting down`] : []
    }),
    ...survey.unlisted.map(
      (id) =>
        `broker ${id} holds replicas and is not in the cluster: it is down. Add it to the inventory, or run init again`,
    ),
    ...controllerWarnings(survey.controllers),
    ...fragileWarnings(survey.fragile),
    ...[...hostKeys].flatMap(([host, key]) =>
      key === null ? [`${host} showed no SSH host key; without \`host_key\` the service does not start`] : [],
    ),
  ]
}

/** Kafka's errors 29 and 31: no right to a topic, to the cluster. */
function hidden({ problems, brokers }: ClusterSurvey): readonly string[] {
  const reasons = [...problems, ...brokers.map(({ problem }) => problem ?? '')]
  if (!reasons.some((reason) => /error (29|31)\b|may not DESCRIBE/.test(reason))) return []
  return [
    'Kafka hides something from this account: the commands in setup/kafka-acls.sh grant what it needs; then run init again',
  ]
}

function controllerWarnings(seen: ClusterSurvey['controllers']): readonly string[] {
  if (seen.kind === 'unknown') return ['no broker said where the controllers are: name all of them under `controllers`']
  if (seen.kind === 'zookeeper' || seen.missing.length === 0) return []
  return [`no broker said where controller ${seen.missing.join(', ')} listens: add it under \`controllers\``]
}

function fragileWarnings(fragile: readonly string[]): readonly string[] {
  if (fragile.length === 0) return []
  const more = fragile.length > NAMED ? ` and ${fragile.length - NAMED} more` : ''
  return [
    `no replica can be missed of ${fragile.slice(0, NAMED).join(', ')}${more}: replication factor no larger than min.insync.replicas`,
  ]
}
