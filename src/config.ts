import { dirname, resolve } from 'node:path'
import { type Matcher, matchesEverything } from './alert/matcher.ts'
import { parseMatcher } from './alert/matcher-syntax.ts'
import { parseTimestamp } from './alert/payload.ts'
import type { Instant } from './clock.ts'
import { type Database, readDatabase } from './config-database.ts'
import {
  ConfigFile,
  type CredentialFields,
  type EndpointFields,
  type MaintenanceFields,
  type SmtpFields,
  UNDERSTOOD,
} from './config-schema.ts'
import { type Complain, complainTo, type Path, readDocument, type SourceDocument } from './document/document.ts'
import type { Problem } from './document/problem.ts'
import { isAbsent, secretReader, unreadableFile } from './document/secret-file.ts'
import { validate } from './document/validate.ts'
import { withVariables } from './document/variables.ts'
import type { HostPort } from './inventory/inventory.ts'
import type { SmtpServer } from './notify/email.ts'
import { parseSchedule, type Schedule } from './schedule.ts'
import type { Secret } from './secret.ts'

/** How this instance runs. Paths are absolute, durations milliseconds, sizes bytes; secrets cannot be printed. */
export interface Config {
  readonly file: string
  readonly listen: HostPort
  /** How people and Alertmanager reach us; links in mails begin with it. Null: made from the address we listen on. */
  readonly externalUrl: string | null
  readonly database: Database
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
  readonly alertmanagers: readonly AlertmanagerEndpoint[]
  readonly reconcile: {
    /** Between two polls; also how much longer than group_wait a webhook may take. Milliseconds. */
    readonly everyMs: number
    /** The longest of Alertmanager's routes to us, in milliseconds. */
    readonly groupWaitMs: number
    /** An Alertmanager that is up for less has not heard of everything, in milliseconds. */
    readonly settleMs: number
  }
  /** The alert that always fires (S-1.4). */
  readonly watchdog: { readonly alertname: string }
  readonly smtp: Smtp | null
  /** E-mail addresses by receiver name. */
  readonly receivers: ReadonlyMap<string, readonly string[]>
  /** Receivers of mails that belong to no single incident. Null: everybody whom a rule names. */
  readonly noticesTo: readonly string[] | null
  readonly maintenance: readonly Maintenance[]
  readonly reload: {
    /** Changed files are taken into force by themselves, once they have stood still for `debounceMs`. */
    readonly watch: boolean
    readonly debounceMs: number
  }
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

/** `clusters`: the only ones that alerts adopted from it may speak for (S-2.2); null: all. */
export interface AlertmanagerEndpoint extends Endpoint {
  readonly clusters: readonly string[] | null
}

export interface Smtp {
  readonly from: string
  readonly server: SmtpServer
  readonly backup: SmtpServer | null
}

/** Work on the cluster that is planned: nothing is done to what it covers while it lasts (S-3.4). */
export interface Maintenance {
  readonly name: string
  readonly begins: { readonly schedule: Schedule } | { readonly at: Instant }
  readonly durationMs: number
  readonly covers:
    | { readonly clusters: readonly string[] }
    | { readonly targets: readonly string[] }
    /** All must hold for one of an incident's alerts. */
    | { readonly matchers: readonly Matcher[] }
  readonly comment: string
}

export interface LoadedConfig {
  /** Null when something in it is wrong, other than that a file of a secret or certificate is not there. */
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
  return { config: problems.every(({ absent }) => absent === true) ? config : null, paths: config, document, problems }
}

/** Of a file that is wrong elsewhere: the two keys that lead to the other files, so that their mistakes are told as well. */
export function pathsIn(file: string, written: unknown): LoadedConfig['paths'] {
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

export function isLoopback(host: string): boolean {
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
    if (problem !== null) complain(at, problem, 'value', isAbsent(found))
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

  const maintenance = written.maintenance.flatMap((fields, index): readonly Maintenance[] => {
    const at = ['maintenance', index]
    if (written.maintenance.findIndex(({ name }) => name === fields.name) !== index)
      complain([...at, 'name'], `there is already a maintenance window "${fields.name}"`)
    const begins = beginsOf(fields, at, complain)
    const covers = coversOf(fields, at, complain)
    if (begins === null || covers === null) return []
    return [{ name: fields.name, begins, durationMs: fields.duration, covers, comment: fields.comment }]
  })

  for (const [index, name] of (written.notices.to ?? []).entries()) {
    if (!Object.hasOwn(written.receivers, name)) complain(['notices', 'to', index], `there is no receiver "${name}"`)
  }

  return {
    file: resolve(file),
    listen: written.listen,
    externalUrl: written.external_url?.replace(/\/+$/, '') ?? null,
    database: readDatabase(written.database, { complain, secrets, inFolder, existing }),
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
    alertmanagers: written.alertmanagers.map((fields, index) => ({
      ...endpoint(fields, ['alertmanagers', index]),
      clusters: fields.clusters ?? null,
    })),
    reconcile: {
      everyMs: written.reconcile.every,
      groupWaitMs: written.reconcile.group_wait,
      settleMs: written.reconcile.settle,
    },
    watchdog: written.watchdog,
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
    noticesTo: written.notices.to ?? null,
    maintenance,
    reload: { watch: written.reload.watch, debounceMs: written.reload.debounce },
    retention: { days: written.retention.days, maxBytes: written.retention.size },
    limits: { bodyBytes: written.limits.body, inboxDepth: written.limits.inbox },
    log: written.log,
  }
}

function beginsOf(fields: MaintenanceFields, at: Path, complain: Complain): Maintenance['begins'] | null {
  const { schedule, starts, timezone } = fields
  if ((schedule === undefined) === (starts === undefined)) {
    complain(at, 'expected either a schedule or starts')
    return null
  }
  if (schedule === undefined) {
    if (timezone !== undefined)
      complain([...at, 'timezone'], 'only a schedule has one; starts names its offset itself', 'key')
    return { at: parseTimestamp(starts ?? '') ?? 0 }
  }
  const read = parseSchedule(schedule, timezone ?? 'UTC')
  if ('ok' in read) return { schedule: read.ok }
  complain([...at, 'schedule'], read.problem)
  return null
}

function coversOf(fields: MaintenanceFields, at: Path, complain: Complain): Maintenance['covers'] | null {
  const { clusters, targets, matchers } = fields
  const given = [clusters, targets, matchers].filter((each) => each !== undefined)
  if (given.length !== 1) {
    complain(at, 'expected one of clusters, targets and matchers')
    return null
  }
  if (clusters !== undefined) return { clusters }
  if (targets !== undefined) return { targets }
  const read = (matchers ?? []).flatMap((text, index) => {
    const parsed = parseMatcher(text)
    if ('ok' in parsed) return [parsed.ok]
    complain(
      [...at, 'matchers', index],
      `matcher ${JSON.stringify(text)}, character ${parsed.column}: ${parsed.problem}`,
    )
    return []
  })
  if (read.length === matchers?.length && matchesEverything(read)) {
    complain([...at, 'matchers'], 'they hold for (nearly) every alert; name the clusters instead')
  }
  return { matchers: read }
}
