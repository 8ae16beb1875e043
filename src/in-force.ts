import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Logger } from 'pino'
import type { Alert } from './alert/alert.ts'
import type { Clock, Instant } from './clock.ts'
import type { Config, Endpoint, Login } from './config.ts'
import { formatProblem, type Problem } from './document/problem.ts'
import type { ReconcileSettings } from './engine/reconcile.ts'
import type { InForce as Terms } from './engine/restrict.ts'
import type { World } from './engine/world.ts'
import { type OpenHosts, openHosts } from './hosts/hosts.ts'
import type { Inventory } from './inventory/inventory.ts'
import { openKafkaClients } from './kafka/open-clients.ts'
import { securityByCluster } from './kafka/security.ts'
import type { Route } from './notify/deliver.ts'
import { notifiers } from './notify/index.ts'
import type { Notifier } from './notify/notifier.ts'
import { openAlertmanager } from './probes/alertmanager.ts'
import type { Source } from './probes/exchange.ts'
import { openMonitoring } from './probes/monitoring.ts'
import { type Configuration, type LoadedConfiguration, loadConfiguration } from './rules/configuration.ts'
import { explainMatch } from './rules/explain-match.ts'
import { granted } from './rules/granted.ts'
import { openingsOf, type Speaker } from './rules/openings.ts'
import type { Revision } from './rules/revision.ts'
import { credentialOf, speakerOf } from './rules/speaker.ts'
import type { InboxRow, Opening } from './store/store.ts'

export interface LoadOptions {
  readonly configFile: string
  readonly clock: Clock
  readonly log: Logger
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A configuration that cannot be used; the message lists every problem with file:line:column. */
export class BadConfigurationError extends Error {
  override name = 'BadConfigurationError'
  readonly problems: readonly string[]
  constructor(problems: readonly Problem[]) {
    const lines = problems.map(formatProblem)
    super(lines.join('\n'))
    this.problems = lines
  }
}

export type Reloaded =
  /** `atNextStart`: settings that are read at a start only, and were others then. */
  | { readonly ok: true; readonly revision: Revision; readonly atNextStart: readonly string[] }
  /** Each with `file:line:column` where it has one. The last good configuration stays. */
  | { readonly ok: false; readonly problems: readonly string[] }

/** What is in force, and how the last reload went. */
export interface ConfigurationStatus extends Omit<Revision, 'name'> {
  readonly revision: string
  readonly loadedAt: Instant
  /** Settings that are read at a start only, and were others then. */
  readonly atNextStart: readonly string[]
  readonly lastReloadSuccessful: boolean
  /** Why what lies there now is not in force. */
  readonly problems: readonly string[]
}

/** A configuration with what is opened and made of it; replaced as a whole at a reload. */
interface Opened {
  readonly configuration: Configuration
  readonly terms: Terms
  readonly world: World
  readonly alertmanagers: ReconcileSettings['alertmanagers']
  readonly mail: Mail
  readonly loadedAt: Instant
}

/** How mails leave. */
interface Mail {
  readonly route: Route
  /** Another one for other servers, passwords or authorities. */
  readonly key: string
}

/** The configuration that counts right now, and everything opened by it. A reload is all or nothing. */
export class InForce {
  readonly #options: LoadOptions
  readonly #hosts: OpenHosts
  /** What some settings are read from until the next start. */
  readonly #started: Config
  #opened: Opened
  /** What was wrong with the files when they were last read; empty: they are in force. */
  #problems: readonly string[] = []

  private constructor(options: LoadOptions, opened: Opened, hosts: OpenHosts) {
    this.#options = options
    this.#opened = opened
    this.#started = opened.configuration.config
    this.#hosts = hosts
  }

  /** Throws {@link BadConfigurationError}: a bad configuration refuses to start. */
  static load(options: LoadOptions): InForce {
    const loaded = loadConfiguration(options.configFile, granted, options.env)
    if ('problems' in loaded) throw new BadConfigurationError(loaded.problems)
    for (const warning of loaded.warnings) options.log.warn(formatProblem(warning))
    const hosts = openHosts({ clock: options.clock, log: options.log, secrets: secretsOf(loaded.ok) })
    return new InForce(options, open(loaded.ok, mailOf(loaded.ok.config, null), options, hosts), hosts)
  }

  get configuration(): Configuration {
    return this.#opened.configuration
  }

  get world(): World {
    return this.#opened.world
  }

  /** What is compared with what we know (S-1.4). */
  get reconcile(): ReconcileSettings {
    const { receiver, watchdog, reconcile, limits } = this.configuration.config
    const { alertmanagers } = this.#opened
    return { ...reconcile, alertmanagers, receiver, watchdog: watchdog.alertname, inboxDepth: limits.inboxDepth }
  }

  get route(): Route {
    return this.#opened.mail.route
  }

  /** The files as they are now; nothing follows from it before they are taken. */
  read(): LoadedConfiguration {
    const { configFile, env } = this.#options
    return loadConfiguration(configFile, granted, env)
  }

  /** Takes what was read into force, in one go; with any problem in any of it the last good configuration stays. */
  take(loaded: LoadedConfiguration): Reloaded {
    const { configFile, log } = this.#options
    if ('problems' in loaded) return this.#refused(loaded.problems.map(formatProblem))
    const before = this.#opened
    const { config, inventory, rules, revision } = loaded.ok
    if (rules.length === 0 && before.configuration.rules.length > 0) return this.#refused([noRules(config)])
    let mail: Mail
    try {
      mail = mailOf(config, before.mail)
    } catch (error) {
      return this.#refused([`${configFile}: ${error instanceof Error ? error.message : String(error)}`])
    }
    for (const warning of loaded.warnings) log.warn(formatProblem(warning))
    this.#opened = open(loaded.ok, mail, this.#options, this.#hosts)
    if (mail !== before.mail) closeRoute(before.mail.route)
    // Steps under way go on by the connections they have.
    this.#hosts.renew(inventory.targets.values(), secretsOf(loaded.ok))
    this.#problems = []
    for (const setting of needsRestart(before.configuration.config, config)) {
      log.warn({ setting }, 'this setting changes only at the next start')
    }
    return { ok: true, revision, atNextStart: needsRestart(this.#started, config) }
  }

  #refused(problems: readonly string[]): Reloaded {
    this.#problems = problems
    return { ok: false, problems }
  }

  /** The rules that match an alert, with what its labels name. A credential bound to clusters speaks for no others (S-2.2). */
  openings({ alert, credential }: InboxRow): readonly Opening[] {
    return openingsOf(alert, this.configuration, this.#speakerOf(credential))
  }

  /** Why these are the openings of an alert: every rule as it was tried. */
  match(alert: Pick<Alert, 'labels' | 'fingerprint'>, credential: string | null) {
    const { revision } = this.configuration
    return { revision: revision.name, rules: explainMatch(alert, this.configuration, this.#speakerOf(credential)) }
  }

  #speakerOf(credential: string | null): Speaker | null {
    const { alertmanagers } = this.configuration.config
    // Names such as `token-1` are places in the list that the server lets in, not in a later one.
    const { webhookCredentials } = this.#started
    return speakerOf(credential, { webhookCredentials, alertmanagers })
  }

  /** What an open incident is held against at a start and after a reload. */
  terms(): Terms {
    return this.#opened.terms
  }

  known(): { clusters: readonly string[]; targets: readonly string[]; rules: readonly string[] } {
    const { rules, inventory } = this.configuration
    return {
      clusters: [...inventory.clusters.keys()],
      targets: [...inventory.targets.keys()],
      rules: rules.map((rule) => rule.name),
    }
  }

  status(): ConfigurationStatus {
    const { configuration, loadedAt } = this.#opened
    const { name: revision, ...rest } = configuration.revision
    const problems = this.#problems
    const atNextStart = needsRestart(this.#started, configuration.config)
    return { revision, ...rest, loadedAt, atNextStart, lastReloadSuccessful: problems.length === 0, problems }
  }

  async close(): Promise<void> {
    closeRoute(this.#opened.mail.route)
    await this.#hosts.close()
  }
}

function open(configuration: Configuration, mail: Mail, { clock }: LoadOptions, hosts: OpenHosts): Opened {
  const { config, inventory, rules, revision } = configuration
  const world: World = {
    inventory,
    hosts,
    local: hosts.local,
    kafka: openKafkaClients({ clock, security: securityByCluster(inventory) }),
    monitoring: openMonitoring({
      prometheus: config.prometheus && sourceOf(config.prometheus),
      alertmanagers: config.alertmanagers.map(sourceOf),
    }),
  }
  const alertmanagers = config.alertmanagers.map((endpoint) => ({
    alertmanager: openAlertmanager(sourceOf(endpoint)),
    credential: credentialOf(endpoint),
  }))
  const terms = { plans: new Map(rules.map((rule) => [rule.name, rule.plan])), inventory, revision: revision.name }
  return { configuration, terms, world, alertmanagers, mail, loadedAt: clock.now() }
}

function closeRoute({ primary, backup }: Route): void {
  primary.close()
  backup?.close()
}

/** How an HTTP API of the configuration is asked. */
export function sourceOf({ url, login, caFile, timeoutMs }: Endpoint): Source {
  const headers = login === null ? {} : { authorization: authorization(login) }
  return { url, headers, caFile, timeoutMs }
}

function authorization(login: Login): string {
  if (login.kind === 'bearer') return `Bearer ${login.token.reveal()}`
  return `Basic ${Buffer.from(`${login.username}:${login.password.reveal()}`).toString('base64')}`
}

function routeOf({ smtp }: Config): Route {
  if (smtp === null) return { primary: nobody, backup: null }
  return {
    primary: notifiers.email.open({ server: smtp.server, from: smtp.from }),
    backup: smtp.backup && notifiers.email.open({ server: smtp.backup, from: smtp.from }),
  }
}

/** What did not change stays open, and mails under way with it. Throws when a server's authority cannot be read. */
function mailOf(config: Config, before: Mail | null): Mail {
  const { smtp } = config
  const servers = smtp === null ? [] : [smtp.server, ...(smtp.backup === null ? [] : [smtp.backup])]
  const hidden = servers.map(({ password, caFile }) => [password?.reveal(), caFile && readFileSync(caFile, 'utf8')])
  const key = createHash('sha256')
    .update(JSON.stringify([smtp, hidden]))
    .digest('hex')
  return before?.key === key ? before : { route: routeOf(config), key }
}

/** Without an SMTP server mails stay in the outbox, where they are counted and shown. */
const nobody: Notifier = {
  type: 'none',
  send: async () => ({ outcome: 'configuration', error: 'the configuration names no SMTP server', code: null }),
  check: async () => 'the configuration names no SMTP server',
  close: () => {},
}

/** Every secret of the configuration, so that no output shows one. Null: that part of it could not be read. */
export function secretsOf({
  config,
  inventory,
}: {
  readonly config: Config | null
  readonly inventory: Inventory | null
}): readonly string[] {
  return [...(config === null ? [] : configSecrets(config)), ...(inventory === null ? [] : clusterSecrets(inventory))]
}

function clusterSecrets({ clusters }: Inventory): readonly string[] {
  return [...clusters.values()].flatMap(({ security }) =>
    [security, security?.controllers].flatMap((listener) => [
      ...(listener?.sasl ? [listener.sasl.password.reveal()] : []),
      ...(listener?.client ? [listener.client.key.reveal()] : []),
    ]),
  )
}

function configSecrets(config: Config): readonly string[] {
  const logins: readonly (Login | null)[] = [
    ...config.webhookCredentials,
    ...config.apiCredentials,
    config.prometheus?.login ?? null,
    ...config.alertmanagers.map((endpoint) => endpoint.login),
  ]
  const { database } = config
  const passwords = [
    config.smtp?.server.password,
    config.smtp?.backup?.password,
    database.kind === 'postgres' ? database.password : null,
  ].flatMap((secret) => (secret ? [secret.reveal()] : []))
  return [
    ...passwords,
    ...logins.flatMap((login) =>
      login === null ? [] : [login.kind === 'bearer' ? login.token.reveal() : login.password.reveal()],
    ),
  ]
}

/** It would cancel every open incident; so does a folder that is not mounted for a moment. */
function noRules({ file }: Config): string {
  return `${file}: no rule is left of those that are in force; restart kafka-healing if that is meant`
}

/** All of a login; compared, never shown. */
function secretOf(login: Login): string {
  return login.kind === 'bearer' ? login.token.reveal() : `${login.username}:${login.password.reveal()}`
}

function needsRestart(before: Config, after: Config): readonly string[] {
  const settings = {
    listen: (config: Config) => JSON.stringify(config.listen),
    database: ({ database }: Config) =>
      JSON.stringify([database, database.kind === 'postgres' ? (database.password?.reveal() ?? null) : null]),
    tls: (config: Config) => JSON.stringify(config.tls),
    webhook: (config: Config) => JSON.stringify(config.webhookCredentials.map((one) => [secretOf(one), one.clusters])),
    limits: (config: Config) => JSON.stringify(config.limits),
    api: (config: Config) => JSON.stringify(config.apiCredentials.map(secretOf)),
  }
  return Object.entries(settings).flatMap(([name, of]) => (of(before) === of(after) ? [] : [name]))
}
