import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { isLoopback } from '../../config.ts'
import type { BrokerSurveyed, ClusterSurvey } from '../../kafka/survey.ts'
import { type Key, problemWith, type Told } from './answers.ts'

/** Puts one question to a person, again and again until the answer has no problem. Rejects when they go away. */
export type Ask = (question: {
  readonly text: string
  /** What an empty line means. Null: it means nothing, and is asked again. */
  readonly otherwise: string | null
  readonly problemWith: (answer: string) => string | null
}) => Promise<string>

interface Question {
  readonly key: Key
  readonly text: string
  readonly when?: (told: Told) => boolean
  /** What an empty line stands for; '' is nothing, null that there must be an answer. */
  readonly propose: (told: Told, brokers: readonly BrokerSurveyed[]) => string | null
  /** Where nobody can be asked the proposal is taken, whatever brokers there are. Without it the option must be given. */
  readonly assumed?: true
}

const NONE = () => ''
const overSsh = ({ driver }: Told): boolean => driver !== 'local'

/** What Kafka cannot know, in the order in which a person would tell it. */
const QUESTIONS: readonly Question[] = [
  {
    key: 'cluster',
    text: 'Name of the cluster: what the label `cluster` of your alerts says',
    propose: () => 'kafka',
  },
  {
    key: 'driver',
    text: 'Where do its units run: on hosts reached by ssh, or on this machine (local)?',
    propose: (_told, brokers) => (brokers.every(({ host }) => isLoopback(host)) ? 'local' : 'ssh'),
  },
  { key: 'sshUser', text: 'Account on the hosts', when: overSsh, propose: () => 'healer' },
  {
    key: 'sshKey',
    text: 'Private key that it is reached with',
    when: overSsh,
    propose: () => ['secrets/healer_ed25519'].find((file) => existsSync(file)) ?? null,
  },
  {
    key: 'unit',
    text: 'systemd unit of the brokers ({id} stands for the broker’s id; 3=other.service for broker 3 alone)',
    propose: (_told, brokers) =>
      new Set(brokers.map(({ host }) => host)).size < brokers.length ? 'kafka-{id}.service' : 'kafka.service',
  },
  {
    key: 'systemctl',
    text: 'How is systemctl run there: by sudo, direct (root), or the account’s own user manager (user)?',
    propose: (told) => (overSsh(told) && told.sshUser !== 'root' ? 'sudo' : 'direct'),
    assumed: true,
  },
  { key: 'mailTo', text: 'E-mail address of the people on call (several with commas)', propose: () => null },
  { key: 'smtp', text: 'SMTP server that takes the mails, host or host:port', propose: () => null },
  {
    key: 'smtpSecurity',
    text: 'How it is spoken to: starttls, tls or plain',
    propose: () => 'starttls',
    assumed: true,
  },
  {
    key: 'smtpFrom',
    text: 'Sender of the mails',
    propose: ({ mailTo = '' }) => `kafka-healing@${mailTo.split(',')[0]?.trim().split('@')[1]}`,
    assumed: true,
  },
  { key: 'smtpUser', text: 'User there (empty: no login)', propose: NONE, assumed: true },
  {
    key: 'smtpPasswordFile',
    text: 'File that holds the user’s password',
    when: ({ smtpUser }) => smtpUser !== undefined,
    propose: () => null,
  },
  { key: 'alertmanager', text: 'URLs of all Alertmanagers (empty: none yet)', propose: NONE, assumed: true },
  { key: 'prometheus', text: 'URL of Prometheus (empty: none yet)', propose: NONE, assumed: true },
  { key: 'jmxPort', text: 'Port of the JMX exporter in the brokers (empty: none)', propose: NONE, assumed: true },
  { key: 'exporter', text: 'host:port of kafka_exporter (empty: none)', propose: NONE, assumed: true },
  {
    key: 'exporterUnit',
    text: 'Its systemd unit',
    when: ({ exporter }) => exporter !== undefined,
    propose: () => 'kafka-exporter.service',
    assumed: true,
  },
  {
    key: 'externalUrl',
    text: 'URL at which Alertmanager and people reach kafka-healing',
    propose: () => `http://${hostname()}:9095`,
    assumed: true,
  },
]

/** What was not told is asked. Without anybody to ask, proposals stand for the answers that may be guessed. */
export async function completed(told: Told, seen: ClusterSurvey | null, ask: Ask | null): Promise<Told> {
  const known: Partial<Record<Key, string>> = { ...told }
  for (const { key, text, when, propose, assumed } of QUESTIONS) {
    if (known[key] !== undefined || when?.(known) === false) continue
    const otherwise = propose(known, seen?.brokers ?? [])
    const answer =
      ask === null
        ? assumed === true
          ? otherwise
          : null
        : await ask({ text, otherwise, problemWith: (answer) => problemWith(key, answer) })
    if (answer !== null && answer !== '') known[key] = answer
  }
  return known
}
