import { z } from 'zod'
import { hostPort, httpUrl, name, wholeNumber } from '../../document/fields.ts'
import { unreadableFile } from '../../document/secret-file.ts'
import { unitName, userName } from '../../inventory/schema.ts'

/** Everything `init` may be told, as a text: by an option, or by a person who is asked. */
export type Told = Readonly<Partial<Record<Key, string>>>

const tell = (message: string) => ({ error: message })

const list = (text: string): readonly string[] => text.split(',').flatMap((one) => one.trim() || [])

function listOf<T extends z.ZodType<unknown, string>>(item: T) {
  return z
    .string()
    .transform((text) => [...list(text)])
    .pipe(z.array(item).min(1, tell('must not be empty')))
}

const BROKER = /^(\d{1,10})=(.*)$/
const BROKER_ID = '{id}'

/** One value for all brokers, or several, each behind the id of its broker; `{id}` stands for that id. */
export interface PerBroker<T> {
  readonly all: string | null
  readonly own: ReadonlyMap<number, string>
  readonly read: (text: string) => T
}

/** What holds for one broker; null where nothing was said of it. */
export function forBroker<T>({ all, own, read }: PerBroker<T>, id: number): T | null {
  const text = own.get(id) ?? all
  return text === null ? null : read(text.replaceAll(BROKER_ID, String(id)))
}

function perBroker<T>(item: z.ZodType<T>) {
  return z.string().transform((text, context): PerBroker<T> => {
    const own = new Map<number, string>()
    let all: string | null = null
    for (const one of list(text)) {
      const [, id, value = one] = BROKER.exec(one) ?? []
      const checked = item.safeParse(value.replaceAll(BROKER_ID, id ?? '1'))
      const again = id === undefined ? all !== null : own.has(Number(id))
      if (!checked.success) context.addIssue(`${one}: ${checked.error.issues[0]?.message}`)
      else if (again) context.addIssue(`${one}: there are two for ${id === undefined ? 'all brokers' : `broker ${id}`}`)
      else if (id === undefined) all = value
      else own.set(Number(id), value)
    }
    return { all, own, read: (value) => item.parse(value) }
  })
}

const file = z.string().superRefine((path, context) => {
  const problem = unreadableFile(path)
  if (problem !== null) context.addIssue(problem)
})

const sshKey = z.string().superRefine((path, context) => {
  const problem = unreadableFile(path)
  if (problem !== null) context.addIssue(`${problem} (make one: ssh-keygen -t ed25519 -N '' -f ${path})`)
})

/** The port may be left out: it follows from the security of the connection. */
const server = z
  .string()
  .transform((text) => (/:\d+$|\]$/.test(text) ? text : `${text}:0`))
  .pipe(hostPort)

const port = wholeNumber(1, 65_535)

/** What each option means. The options are these names in kebab-case. */
export const FIELDS = {
  bootstrap: listOf(hostPort),
  protocol: z.enum(['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']).default('PLAINTEXT'),
  caFile: file.optional(),
  certFile: file.optional(),
  keyFile: file.optional(),
  saslMechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']).default('SCRAM-SHA-512'),
  saslUser: z.string().optional(),
  saslPasswordFile: file.optional(),

  cluster: name,
  driver: z.enum(['ssh', 'local']).default('ssh'),
  sshUser: userName.optional(),
  sshKey: sshKey.optional(),
  sshPort: port.default(22),
  unit: perBroker(unitName),
  systemctl: z.enum(['sudo', 'direct', 'user']).optional(),

  mailTo: listOf(z.email(tell('expected an e-mail address such as oncall@example.org'))),
  smtp: server,
  smtpSecurity: z.enum(['starttls', 'tls', 'plain']).default('starttls'),
  smtpFrom: z.email(tell('expected an e-mail address')).optional(),
  smtpUser: z.string().optional(),
  smtpPasswordFile: file.optional(),
  smtpCaFile: file.optional(),

  prometheus: httpUrl.optional(),
  alertmanager: listOf(httpUrl).optional(),
  jmxPort: perBroker(port).optional(),
  exporter: hostPort.optional(),
  exporterUnit: unitName.default('kafka-exporter.service'),
  blackbox: hostPort.default({ host: '127.0.0.1', port: 9115 }),

  externalUrl: httpUrl,
  listen: hostPort.optional(),
  mode: z.enum(['inform', 'approve', 'act']).default('inform'),
} as const

export type Key = keyof typeof FIELDS
export const KEYS = Object.keys(FIELDS) as readonly Key[]

const Answers = z.object(FIELDS)
export type Answers = z.output<typeof Answers>

/** `--sasl-user` for `saslUser`. */
export function flagOf(key: Key): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** What is wrong with one value, or null. */
export function problemWith(key: Key, text: string): string | null {
  const checked = FIELDS[key].safeParse(text)
  return checked.success ? null : (checked.error.issues[0]?.message ?? 'not understood')
}

/** What is said of the listener alone; all of it was checked before. */
export function listenerAnswers(told: Told): z.output<typeof Listener> {
  return Listener.parse(told)
}

const Listener = Answers.pick({
  bootstrap: true,
  protocol: true,
  caFile: true,
  certFile: true,
  keyFile: true,
  saslMechanism: true,
  saslUser: true,
  saslPasswordFile: true,
})

/** What is wrong with that which was told, whatever is still missing. */
export function wrongIn(told: Told): readonly string[] {
  return KEYS.flatMap((key) => {
    const text = told[key]
    const problem = text === undefined ? null : problemWith(key, text)
    return problem === null ? [] : [`${flagOf(key)}: ${problem}`]
  })
}

/** Everything that is wrong or missing, all at once, each with its option; else the answers. */
export function readAnswers(told: Told): { readonly ok: Answers } | { readonly problems: readonly string[] } {
  const checked = Answers.safeParse(told)
  const wrong = checked.success
    ? []
    : checked.error.issues.map(({ path, message }) => {
        const key = KEYS.find((one) => one === path[0]) ?? 'cluster'
        return told[key] === undefined ? `${flagOf(key)} is missing` : `${flagOf(key)}: ${message}`
      })
  const problems = [...wrong, ...contradictions(told)]
  return checked.success && problems.length === 0 ? { ok: checked.data } : { problems }
}

/** What one option wants of another. */
function contradictions(told: Told): readonly string[] {
  const has = (key: Key): boolean => told[key] !== undefined
  const local = told.driver === 'local'
  const login = told.protocol?.startsWith('SASL_') === true
  const needs = (when: boolean, keys: readonly Key[], why: string): readonly string[] =>
    when ? keys.filter((key) => !has(key)).map((key) => `${flagOf(key)} is missing: ${why}`) : []
  const useless = (when: boolean, keys: readonly Key[], why: string): readonly string[] =>
    when ? keys.filter(has).map((key) => `${flagOf(key)} means nothing ${why}`) : []
  return [
    ...needs(!local, ['sshUser', 'sshKey'], 'the hosts are reached by SSH (or --driver local)'),
    ...useless(local, ['sshUser', 'sshKey', 'sshPort'], 'with --driver local'),
    ...needs(login, ['saslUser', 'saslPasswordFile'], `--protocol ${told.protocol} logs in`),
    ...needs(has('smtpUser'), ['smtpPasswordFile'], '--smtp-user logs in'),
    ...needs(has('smtpPasswordFile'), ['smtpUser'], '--smtp-password-file is somebody’s'),
    ...useless(!has('exporter'), ['exporterUnit'], 'without --exporter'),
    ...((told.mode ?? 'inform') !== 'inform' && !has('prometheus') && !has('alertmanager')
      ? [`--mode ${told.mode} needs --alertmanager or --prometheus: somebody must say whether an alert still fires`]
      : []),
  ]
}
