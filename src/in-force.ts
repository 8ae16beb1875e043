import type { Logger } from 'pino'
import type { Clock, Instant } from './clock.ts'
import type { AlertmanagerEndpoint, Config, Endpoint, Login } from './config.ts'
import { formatProblem, type Problem } from './document/problem.ts'
import type { ReconcileSettings } from './engine/reconcile.ts'
import type { InForce as Terms } from './engine/restrict.ts'
import type { World } from './engine/world.ts'
import { type OpenHosts, openHosts } from './hosts/hosts.ts'
import type { Inventory } from './inventory/inventory.ts'
import { resolveSubject } from './inventory/resolve.ts'
import { openKafkaClients } from './kafka/open-clients.ts'
import { securityByCluster } from './kafka/security.ts'
import type { Route } from './notify/deliver.ts'
import { notifiers } from './notify/index.ts'
import type { Notifier } from './notify/notifier.ts'
import { openAlertmanager } from './probes/alertmanager.ts'
import type { Source } from './probes/ask.ts'
import { openMonitoring } from './probes/monitoring.ts'
import { type Configuration, loadConfiguration } from './rules/configuration.ts'
import { granted } from './rules/granted.ts'
import { matchRules } from './rules/match.ts'
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

/** Parts of a configuration that are open connections; replaced together at a reload. */
interface Opened {
  readonly configuration: Configuration
  readonly world: World
  readonly alertmanagers: ReconcileSettings['alertmanagers']
  readonly route: Route
  readonly loadedAt: Instant
}

/** The configuration that counts right now, and everything opened by it. A reload is all or nothing. */
export class InForce {
  readonly #options: LoadOptions
  readonly #hosts: OpenHosts
  /** Those that the server lets in until the next start: names such as `token-1` are places in this list, not in a later one. */
  readonly #webhookCredentials: Config['webhookCredentials']
  #opened: Opened
  #lastReloadSuccessful = true

  private constructor(options: LoadOptions, opened: Opened, hosts: OpenHosts) {
    this.#options = options
    this.#opened = opened
    this.#webhookCredentials = opened.configuration.config.webhookCredentials
    this.#hosts = hosts
  }

  /** Throws {@link BadConfigurationError}: a bad configuration refuses to start. */
  static load(options: LoadOptions): InForce {
    const loaded = loadConfiguration(options.configFile, granted, options.env)
    if ('problems' in loaded) throw new BadConfigurationError(loaded.problems)
    for (const warning of loaded.warnings) options.log.warn(formatProblem(warning))
    const hosts = openHosts({ clock: options.clock, log: options.log, secrets: secretsOf(loaded.ok) })
    return new InForce(options, open(loaded.ok, options, hosts), hosts)
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
    return this.#opened.route
  }

  /** Takes the files into force as they are now; with any problem in any of them the last good ones stay. */
  async reload(): Promise<{ ok: true; revision: string } | { ok: false; problems: readonly string[] }> {
    const loaded = loadConfiguration(this.#options.configFile, granted, this.#options.env)
    if ('problems' in loaded) {
      this.#lastReloadSuccessful = false
      return { ok: false, problems: loaded.problems.map(formatProblem) }
    }
    const before = this.#opened
    // Hosts stay: they are kept by user, machine, key and pin, and steps under way go on using them.
    this.#opened = open(loaded.ok, this.#options, this.#hosts)
    closeRoute(before.route)
    this.#lastReloadSuccessful = true
    for (const setting of needsRestart(before.configuration.config, loaded.ok.config)) {
      this.#options.log.warn({ setting }, 'this setting changes only at the next start')
    }
    return { ok: true, revision: loaded.ok.revision }
  }

  /** The rules that match an alert, with what its labels name. A credential bound to clusters speaks for no others (S-2.2). */
  openings({ alert, credential }: InboxRow): readonly Opening[] {
    const { rules, inventory } = this.configuration
    const bound = this.#boundClusters(credential)
    return matchRules(rules, alert.labels).map(({ plan, selector }) => {
      const subject = resolveSubject(selector, alert.labels, alert.fingerprint, inventory)
      if (bound === null || subject.cluster === null || bound.includes(subject.cluster)) return { plan, subject }
      const problem = `the credential ${credential ?? ''} may not speak for cluster ${subject.cluster}`
      return {
        plan,
        subject: { kind: 'unresolved', key: `unresolved:${alert.fingerprint}`, cluster: subject.cluster, problem },
      }
    })
  }

  /** The only clusters that what came by it may speak for; null: all. */
  #boundClusters(credential: string | null): readonly string[] | null {
    if (credential === null) return null
    const { alertmanagers } = this.configuration.config
    const adoptedFrom = alertmanagers.find((one) => credentialOf(one) === credential)
    return adoptedFrom ? adoptedFrom.clusters : boundClusters(this.#webhookCredentials, credential)
  }

  /** What an open incident is held against at a start and after a reload. */
  terms(): Terms {
    const { rules, inventory, revision } = this.configuration
    return { plans: new Map(rules.map((rule) => [rule.name, rule.plan])), inventory, revision }
  }

  known(): { clusters: readonly string[]; targets: readonly string[]; rules: readonly string[] } {
    const { rules, inventory } = this.configuration
    return {
      clusters: [...inventory.clusters.keys()],
      targets: [...inventory.targets.keys()],
      rules: rules.map((rule) => rule.name),
    }
  }

  status(): { loaded: boolean; revision: string; loadedAt: Instant; lastReloadSuccessful: boolean } {
    const { configuration, loadedAt } = this.#opened
    return {
      loaded: true,
      revision: configuration.revision,
      loadedAt,
      lastReloadSuccessful: this.#lastReloadSuccessful,
    }
  }

  async close(): Promise<void> {
    closeRoute(this.#opened.route)
    await this.#hosts.close()
  }
}

function open(configuration: Configuration, { clock }: LoadOptions, hosts: OpenHosts): Opened {
  const { config, inventory } = configuration
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
  return { configuration, world, alertmanagers, route: routeOf(config), loadedAt: clock.now() }
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

/** Without an SMTP server mails stay in the outbox, where they are counted and shown. */
const nobody: Notifier = {
  type: 'none',
  send: async () => ({ outcome: 'configuration', error: 'the configuration names no SMTP server', code: null }),
  check: async () => 'the configuration names no SMTP server',
  close: () => {},
}

function boundClusters(credentials: Config['webhookCredentials'], credential: string): readonly string[] | null {
  // An Alertmanager that is not in force any more speaks for nothing.
  if (credential.startsWith(ADOPTED)) return []
  const index = credentials.findIndex(
    (known, i) => (known.kind === 'basic' ? known.username : `token-${i + 1}`) === credential,
  )
  return credentials[index]?.clusters ?? null
}

/** With a colon, which no user name of basic authentication has. */
const ADOPTED = 'alertmanager:'

/** The name that alerts adopted from it come by; null where it may speak for all clusters. */
function credentialOf({ url, clusters }: AlertmanagerEndpoint): string | null {
  return clusters === null ? null : `${ADOPTED}${url}`
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
    api: (config: Config) => JSON.stringify(config.apiCredentials.map(secretOf)),
  }
  return Object.entries(settings).flatMap(([name, of]) => (of(before) === of(after) ? [] : [name]))
}
