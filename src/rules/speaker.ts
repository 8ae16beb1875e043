import type { AlertmanagerEndpoint, Config } from '../config.ts'
import type { Speaker } from './openings.ts'

/** The credential that something came by, where it may speak for some clusters only (S-2.2); null: it may speak for all. */
export function speakerOf(
  credential: string | null,
  { webhookCredentials, alertmanagers }: Pick<Config, 'webhookCredentials' | 'alertmanagers'>,
): Speaker | null {
  if (credential === null) return null
  const clusters = boundClusters(credential, webhookCredentials, alertmanagers)
  return clusters === null ? null : { name: credential, clusters }
}

function boundClusters(
  credential: string,
  webhook: Config['webhookCredentials'],
  alertmanagers: Config['alertmanagers'],
): readonly string[] | null {
  const adoptedFrom = alertmanagers.find((one) => credentialOf(one) === credential)
  if (adoptedFrom) return adoptedFrom.clusters
  // An Alertmanager that is not in force any more speaks for nothing.
  if (credential.startsWith(ADOPTED)) return []
  const index = webhook.findIndex(
    (known, i) => (known.kind === 'basic' ? known.username : `token-${i + 1}`) === credential,
  )
  return webhook[index]?.clusters ?? null
}

/** With a colon, which no user name of basic authentication has. */
const ADOPTED = 'alertmanager:'

/** The name that alerts adopted from an Alertmanager come by; null where it may speak for all clusters. */
export function credentialOf({ url, clusters }: Pick<AlertmanagerEndpoint, 'url' | 'clusters'>): string | null {
  return clusters === null ? null : `${ADOPTED}${url}`
}
