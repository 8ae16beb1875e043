import type { Inventory, ListenerSecurity } from '../inventory/inventory.ts'
import type { KafkaSecurity } from './connection.ts'

/** How the listeners of a cluster are secured; its controllers' are as its brokers' where nothing else is said. */
export interface ListenersSecurity extends KafkaSecurity {
  readonly controllers?: KafkaSecurity
}

/** By cluster name, for every cluster of which the inventory says how it is secured. */
export function securityByCluster({ clusters }: Inventory): ReadonlyMap<string, ListenersSecurity> {
  return new Map(
    [...clusters.values()].flatMap(({ name, security }) => {
      if (security === null) return []
      const { controllers } = security
      return [
        [
          name,
          { ...kafkaSecurity(security), ...(controllers && { controllers: kafkaSecurity(controllers) }) },
        ] as const,
      ]
    }),
  )
}

/** What a connection needs of it. */
export function kafkaSecurity({ protocol, ca, client, sasl }: ListenerSecurity): KafkaSecurity {
  const ssl = {
    ...(ca !== null && { ca }),
    ...(client && { cert: client.cert, key: client.key.reveal() }),
  }
  return {
    ...((protocol === 'SSL' || protocol === 'SASL_SSL') && { ssl }),
    ...(client && { certificateEndsAt: client.notAfter }),
    ...(sasl && { sasl: { ...sasl, password: sasl.password.reveal() } }),
  }
}
