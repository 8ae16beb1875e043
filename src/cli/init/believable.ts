import { hostName } from '../../document/fields.ts'
import { addressText } from '../../inventory/address.ts'
import type { HostPort } from '../../inventory/inventory.ts'
import { clusterId as clusterIdField } from '../../inventory/schema.ts'
import type { BrokerSurveyed, ClusterSurvey } from '../../kafka/survey.ts'
import { printable } from '../terminal.ts'

/**
 * What of a survey an inventory can say. Whatever answers at an address may answer anything: a host that is no host, an id that is
 * none and names that no editor shows are left out, and each is a problem that a person reads.
 */
export function believable(survey: ClusterSurvey): ClusterSurvey {
  const { clusterId, brokers, controllers, fragile, problems } = survey
  const named = brokers.filter(isNamable)
  const id = clusterIdField.safeParse(clusterId).success ? clusterId : null
  return {
    ...survey,
    clusterId: id,
    brokers: named.map(readable),
    controllers:
      controllers.kind === 'kraft'
        ? { ...controllers, listeners: controllers.listeners.filter(isNamable) }
        : controllers,
    fragile: fragile.filter(isReadable),
    problems: [
      ...problems,
      ...(id === clusterId ? [] : [`${clusterId} is no cluster id`]),
      ...brokers.flatMap((broker) =>
        isNamable(broker)
          ? []
          : [`broker ${broker.id} says that it is at ${addressText(broker)}, which is no host name`],
      ),
      ...(controllers.kind === 'kraft' ? controllers.listeners : []).flatMap((listener) =>
        isNamable(listener) ? [] : [`a controller is said to be at ${addressText(listener)}, which is no host name`],
      ),
    ],
  }
}

function readable(broker: BrokerSurveyed): BrokerSurveyed {
  const { rack, data, problem } = broker
  const legible = data?.every(isReadable) ?? true
  return {
    ...broker,
    rack: rack !== null && rack !== '' && isReadable(rack) ? rack : null,
    data: legible ? data : null,
    problem: legible ? problem : 'its data directories have names that cannot be shown',
  }
}

function isNamable({ host, port }: HostPort): boolean {
  return hostName.safeParse(host).success && port >= 0 && port <= 65_535
}

function isReadable(text: string): boolean {
  return printable(text) === text
}
