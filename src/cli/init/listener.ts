import type { Complain } from '../../document/document.ts'
import { addressText } from '../../inventory/address.ts'
import type { HostPort } from '../../inventory/inventory.ts'
import { securityOf } from '../../inventory/security.ts'
import type { KafkaSecurity } from '../../kafka/connection.ts'
import type { ListenerTrouble } from '../../kafka/diagnose-listener.ts'
import { kafkaSecurity } from '../../kafka/security.ts'
import { type Answers, flagOf, type Key } from './answers.ts'
import { listenerFields } from './inventory-text.ts'

export type KafkaAnswers = Pick<
  Answers,
  'protocol' | 'caFile' | 'certFile' | 'keyFile' | 'saslMechanism' | 'saslUser' | 'saslPasswordFile'
>

const OPTIONS: Readonly<Record<string, Key>> = {
  ca_file: 'caFile',
  cert_file: 'certFile',
  key_file: 'keyFile',
  sasl: 'saslPasswordFile',
}

/** How the listeners are spoken to, with every file read; or what is wrong with the options that say so. */
export function securityFrom(
  answers: KafkaAnswers,
): { readonly ok: KafkaSecurity } | { readonly problems: readonly string[] } {
  const problems: string[] = []
  const complain: Complain = (path, message) => {
    const key = path.map((part) => OPTIONS[part]).find((found) => found !== undefined)
    problems.push(`${flagOf(key ?? 'protocol')}: ${message}`)
  }
  const security = securityOf(listenerFields(answers, answers.protocol, '.'), [], '.', complain)
  return problems.length > 0 ? { problems } : { ok: kafkaSecurity(security) }
}

/** What a person has to do about a listener that could not be read. */
const ADVICE: Readonly<Record<ListenerTrouble['what'], string>> = {
  unanswered:
    'is that a listener of a broker that runs? Look at the name, the port, and firewalls between here and there',
  'speaks-tls': 'it speaks TLS: add --protocol SSL or SASL_SSL, and --ca-file where its authority is your own',
  'speaks-no-tls': 'it speaks no TLS: --protocol PLAINTEXT or SASL_PLAINTEXT',
  certificate:
    'one of the certificates is not believed: look at --ca-file, at the name in its certificate, at --cert-file and --key-file',
  'wants-login':
    'it talks to nobody who has not logged in: --protocol SASL_PLAINTEXT (or SASL_SSL), --sasl-user, --sasl-password-file',
  'refused-login':
    'look at --sasl-mechanism, --sasl-user and --sasl-password-file, and whether this listener takes logins',
  other: 'it took the connection and could not be read; its log may say more',
}

export function troubleText(address: HostPort, { what, detail }: ListenerTrouble): string {
  return `${addressText(address)}: ${detail}\n  → ${ADVICE[what]}`
}
