import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { ConfigFile } from '../../config-schema.ts'
import { readDocument } from '../../document/document.ts'
import { formatProblem } from '../../document/problem.ts'
import { secretReader } from '../../document/secret-file.ts'
import { withVariables } from '../../document/variables.ts'
import { configFile } from '../config-file.ts'
import { ClientError } from './error.ts'

/** What a configuration says of its own HTTP side. */
export interface Configured {
  readonly url: string
  readonly certFile: string | null
  /** `Authorization` by the first of `api.credentials`. */
  readonly authorization: string | null
  /** Why there is no authorization, where one is asked for. */
  readonly unreadable: string | null
  /** How a person would name it. */
  readonly from: string
}

const Wanted = ConfigFile.pick({ listen: true, tls: true, api: true }).strip()

const DEFAULT: Configured = {
  url: 'http://127.0.0.1:9095',
  certFile: null,
  authorization: null,
  unreadable: null,
  from: 'the default, for there is no configuration here',
}

/**
 * Where a service of this configuration can be asked. Whoever asks may not be the user that it runs as: secrets and files
 * that cannot be read, and mistakes elsewhere in the file, are in nobody's way.
 */
export function configured(named: string | undefined, env: Readonly<Record<string, string | undefined>>): Configured {
  const file = configFile(named)
  if (named === undefined && !existsSync(file)) return DEFAULT
  const { document, problems } = readDocument(file)
  if (document === null) throw notRead(problems.map(formatProblem))
  const checked = Wanted.safeParse(withVariables(document.value ?? {}, env, () => undefined))
  if (!checked.success) {
    const where = checked.error.issues.map(({ path, message }) => `${file}: ${path.join('.')}: ${message}`)
    throw notRead(where)
  }
  const { listen, tls, api } = checked.data
  if (listen.port === 0) throw notRead([`${file}: listen: port 0 is another one at each start`])
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${reachable(listen.host)}:${listen.port}`,
    certFile: tls === undefined ? null : resolve(dirname(file), tls.cert_file),
    from: file,
    ...firstCredential(file, api.credentials[0]),
  }
}

function notRead(problems: readonly string[]): ClientError {
  return new ClientError([...problems, 'Mend it, or name the service with --url or KAFKA_HEALING_URL.'])
}

/** Whoever listens everywhere is reached on this machine. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

type Fields = ConfigFile['api']['credentials'][number]

function firstCredential(file: string, fields: Fields | undefined): Pick<Configured, 'authorization' | 'unreadable'> {
  if (fields === undefined) return { authorization: null, unreadable: null }
  const problems: string[] = []
  const secrets = secretReader(dirname(resolve(file)), (_path, message) => problems.push(message))
  const token = secrets('token', fields, [])
  const password = secrets('password', fields, [])
  const [problem] = problems
  if (problem !== undefined) return { authorization: null, unreadable: `the first of api.credentials: ${problem}` }
  if (token !== null) return { authorization: `Bearer ${token.reveal()}`, unreadable: null }
  if (fields.username === undefined || password === null) return { authorization: null, unreadable: null }
  const pair = Buffer.from(`${fields.username}:${password.reveal()}`).toString('base64')
  return { authorization: `Basic ${pair}`, unreadable: null }
}
