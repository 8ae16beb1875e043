import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { ConfigFile, type CredentialFields, type EndpointFields, type SmtpFields, UNDERSTOOD } from './config-schema.ts'
import { type Complain, complainTo, type Path, readDocument, type SourceDocument } from './document/document.ts'
import type { Problem } from './document/problem.ts'
import { validate } from './document/validate.ts'
import { withVariables } from './document/variables.ts'
import type { HostPort } from './inventory/inventory.ts'
import type { SmtpServer } from './notify/email.ts'
import { Secret } from './secret.ts'

/** How this instance runs. Paths are absolute, durations milliseconds, sizes bytes; secrets cannot be printed. */
export interface Config {
  readonly file: string
  readonly listen: HostPort
  /** How people and Alertmanager reach us; links in mails begin with it. Null: made from the address we listen on. */
  readonly externalUrl: string | null
  readonly database: string
  readonly inventory: string
  /** Files, folders and globs as written, resolved against the configuration's folder. */
  readonly rules: readonly string[]
  /** Our name among Alertmanager's receivers (S-1.4). */
  readonly receiver: string
  readonly webhookCredentials: readonly Credential[]
  readonly apiCredentials: readonly Credential[]
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null
  /** Listening beyond this machine without credentials was asked for in words. */
  readonly unauthenticatedUnderstood: boolean
  readonly prometheus: Endpoint | null
  readonly alertmanagers: readonly Endpoint[]
  readonly smtp: Smtp | null
  /** E-mail addresses by receiver name. */
  readonly receivers: ReadonlyMap<string, readonly string[]>
  readonly retention: { readonly days: number; readonly maxBytes: number }
  readonly limits: { readonly bodyBytes: number; readonly inboxDepth: number }
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' }
}

/** `clusters` (S-2.2): the only ones this credential may speak for; null: all. */
export type Credential = { readonly clusters: readonly string[] | null } & Login

export type Login =
  | { readonly kind: 'bearer'; readonly token: Secret }
  | { readonly kind: 'basic'; readonly username: string; readonly password: Secret }

/** An HTTP API that we ask. */
export interface Endpoint {
  readonly url: string
  readonly caFile: string | null
  readonly login: Login | null
  readonly timeoutMs: number
}

export interface Smtp {
  readonly from: string
  readonly server: SmtpServer
  readonly backup: SmtpServer | null
}

export interface LoadedConfig {
  /** Null when something in it is wrong. */
  readonly config: Config | null
  /** Where the other files are, known even when something else in this one is wrong; null when it cannot be read. */
  readonly paths: Pick<Config, 'inventory' | 'rules'> | null
  readonly document: SourceDocument | null
  readonly problems: readonly Problem[]
}

/** Reads config.yml, .json or .ini with its secrets. Everything that is wrong comes back at once. */
export function loadConfig(
  file: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): LoadedConfig {
  const { document, problems: unreadable } = readDocument(file)
  if (document === null) return { config: null, paths: null, document, problems: unreadable }
  const problems = [...unreadable]
  const complain = complainTo(problems, document)
  const written = withVariables(document.value ?? {}, env, complain)
  const checked = validate(document, written, ConfigFile)
  if ('problems' in checked) {
    return { config: null, paths: pathsIn(file, written), document, problems: [...problems, ...checked.problems] }
  }
  const config = toConfig(file, checked.ok, complain)
  const exposed = exposure(config, config.listen)
  if (exposed !== null) complain(['listen'], exposed)
  return { config: problems.length === 0 ? config : null, paths: config, document, problems }
}

/** Of a file that is wrong elsewhere: the two keys that lead to the other files, so that their mistakes are told as well. */
function pathsIn(file: string, written: unknown): LoadedConfig['paths'] {
  const only = ConfigFile.pick({ inventory: true, rules: true }).strip().safeParse(written)
  if (!only.success) return null
  const inFolder = (path: string): string => resolve(dirname(resolve(file)), path)
  return { inventory: inFolder(only.data.inventory), rules: only.data.rules.map(inFolder) }
}

/** Why this instance must not listen where it is told to, or null. Asked again when the command line names another address. */
export function exposure(
  config: Pick<Config, 'webhookCredentials' | 'apiCredentials' | 'unauthenticatedUnderstood'>,
  { host }: HostPort,
): string | null {
  if (isLoopback(host) || config.unauthenticatedUnderstood) return null
  const open = [
    ...(config.webhookCredentials.length === 0 ? ['webhook.credentials'] : []),
    ...(config.apiCredentials.length === 0 ? ['api.credentials'] : []),
  ]
  if (open.length === 0) return null
  return `listening beyond this machine (${host}) needs ${open.join(' and ')}, or allow_unauthenticated: "${UNDERSTOOD}"`
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

function toConfig(file: string, written: ConfigFile, complain: Complain): Config {
  const folder = dirname(resolve(file))
  const secrets = secretReader(folder, complain)
  const inFolder = (path: string): string => resolve(folder, path)
  const existing = (path: string | undefined, at: Path): string | null => {
    if (path === undefined) return null
    const found = inFolder(path)
    const problem = unreadableFile(found)
    if (problem !== null) complain(at, problem)
    return found
  }

  const login = (fields: CredentialFields | EndpointFields, at: Path): Login | null => {
    const token = secrets('token', fields, at)
    const password = secrets('password', fields, at)
    if (token !== null && (fields.username !== undefined || password !== null)) {
      complain(at, 'a token and a username with password exclude each other')
    }
    if (token !== null) return { kind: 'bearer', token }
    if (fields.username !== undefined && password !== null)
      return { kind: 'basic', username: fields.username, password }
    if (fields.username !== undefined) complain([...at, 'username'], 'a username needs a password or password_file')
    else if (password !== null) complain([...at, 'password'], 'a password needs a username')
    return null
  }
  const credentials = (fields: readonly CredentialFields[], at: Path): readonly Credential[] =>
    fields.flatMap((credential, index) => {
      const made = login(credential, [...at, index])
      const named = credential.token_file ?? credential.username ?? credential.password_file ?? credential.password
      if (made === null && named === undefined)
        complain([...at, index], 'expected token, token_file, or username with password or password_file')
      return made === null ? [] : [{ ...made, clusters: credential.clusters ?? null }]
    })
  const endpoint = (fields: EndpointFields, at: Path): Endpoint => ({
    url: fields.url.replace(/\/+$/, ''),
    caFile: existing(fields.ca_file, [...at, 'ca_file']),
    login: login(fields, at),
    timeoutMs: fields.timeout,
  })
  const server = (fields: Omit<SmtpFields, 'from' | 'backup'>, at: Path): SmtpServer => {
    const password = secrets('password', fields, at)
    if ((fields.username === undefined) !== (password === null))
      complain(at, 'username and password (or password_file) belong together')
    return {
      host: fields.host,
      port: fields.port ?? { starttls: 587, tls: 465, plain: 25 }[fields.security],
      encryption: fields.security === 'plain' ? 'none' : fields.security,
      user: fields.username ?? null,
      password,
      caFile: existing(fields.ca_file, [...at, 'ca_file']),
      serverName: fields.server_name ?? null,
    }
  }

  return {
    file: resolve(file),
    listen: written.listen,
    externalUrl: written.external_url?.replace(/\/+$/, '') ?? null,
    database: inFolder(written.database),
    inventory: inFolder(written.inventory),
    rules: written.rules.map(inFolder),
    receiver: written.receiver,
    webhookCredentials: credentials(written.webhook.credentials, ['webhook', 'credentials']),
    apiCredentials: credentials(written.api.credentials, ['api', 'credentials']),
    tls:
      written.tls === undefined
        ? null
        : {
            certFile: existing(written.tls.cert_file, ['tls', 'cert_file']) ?? '',
            keyFile: existing(written.tls.key_file, ['tls', 'key_file']) ?? '',
          },
    unauthenticatedUnderstood: written.allow_unauthenticated !== undefined,
    prometheus: written.prometheus === undefined ? null : endpoint(written.prometheus, ['prometheus']),
    alertmanagers: written.alertmanagers.map((fields, index) => endpoint(fields, ['alertmanagers', index])),
    smtp:
      written.smtp === undefined
        ? null
        : {
            from: written.smtp.from,
            server: server(written.smtp, ['smtp']),
            backup: written.smtp.backup === undefined ? null : server(written.smtp.backup, ['smtp', 'backup']),
          },
    receivers: new Map(
      Object.entries(written.receivers).map(([receiver, value]) => [
        receiver,
        'emails' in value ? value.emails : value,
      ]),
    ),
    retention: { days: written.retention.days, maxBytes: written.retention.size },
    limits: { bodyBytes: written.limits.body, inboxDepth: written.limits.inbox },
    log: written.log,
  }
}

type SecretFields = Partial<Record<'token' | 'token_file' | 'password' | 'password_file', string | undefined>>

/** Reads `<key>` or `<key>_file` (its text without the line break at the end). */
function secretReader(folder: string, complain: Complain) {
  return (key: 'token' | 'password', fields: SecretFields, at: Path): Secret | null => {
    const inline = fields[key]
    const file = fields[`${key}_file`]
    if (inline !== undefined && file !== undefined)
      complain([...at, key], `${key} and ${key}_file exclude each other`, 'key')
    if (inline !== undefined) return new Secret(inline)
    if (file === undefined) return null
    const path = resolve(folder, file)
    const problem = unreadableFile(path)
    const text = problem === null ? readFileSync(path, 'utf8').replace(/\r?\n$/, '') : ''
    if (problem !== null) complain([...at, `${key}_file`], problem)
    else if (text === '') complain([...at, `${key}_file`], `${path} is empty`)
    return new Secret(text)
  }
}

function unreadableFile(path: string): string | null {
  try {
    const stat = statSync(path)
    if (!stat.isFile()) return `${path} is not a file`
    readFileSync(path)
    return null
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return code === 'ENOENT' ? `${path} does not exist` : `${path} cannot be read (${code})`
  }
}
