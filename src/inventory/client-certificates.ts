import { type Instant, iso } from '../clock.ts'
import type { Path } from '../document/document.ts'
import type { ClientCertificate, Cluster } from './inventory.ts'

const DAY_MS = 24 * 3_600_000
/** Long enough to have a new one made, also over a holiday. */
const SOON_MS = 14 * DAY_MS

export interface AgeingCertificate {
  readonly certificate: ClientCertificate
  readonly expired: boolean
  readonly message: string
  /** Where the inventory names it, below its cluster. */
  readonly path: Path
}

/** Client certificates that have expired or soon will. Listeners say no more of them than "certificate unknown". */
export function ageingCertificates({ security }: Cluster, now: Instant): readonly AgeingCertificate[] {
  return clientCertificates(security).flatMap(({ certificate, path }) => {
    const left = certificate.notAfter - now
    if (left > SOON_MS) return []
    const until = iso(certificate.notAfter)
    const expired = left <= 0
    const message = expired
      ? `the client certificate ${certificate.file} expired at ${until}`
      : `the client certificate ${certificate.file} expires at ${until}, in ${Math.floor(left / DAY_MS)} days`
    return [{ certificate, expired, message, path }]
  })
}

function clientCertificates(
  security: Cluster['security'],
): readonly { readonly certificate: ClientCertificate; readonly path: Path }[] {
  if (security === null) return []
  const { client, controllers } = security
  return [
    ...(client ? [{ certificate: client, path: ['security', 'cert_file'] }] : []),
    ...(controllers?.client
      ? [{ certificate: controllers.client, path: ['security', 'controllers', 'cert_file'] }]
      : []),
  ]
}
