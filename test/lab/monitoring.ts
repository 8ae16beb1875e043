import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { launch, mustRun, program } from './processes.ts'
import { type LabState, repository, type StateFile } from './state.ts'
import { waitFor } from './wait.ts'

/** What the shipped files call things, and where the lab has them. */
interface ScrapeJob {
  readonly job_name: string
  readonly scrape_interval?: string
  readonly scrape_timeout?: string
  readonly static_configs: readonly {
    readonly targets: readonly string[]
    readonly labels?: Readonly<Record<string, string>>
  }[]
  readonly relabel_configs?: readonly Readonly<Record<string, unknown>>[]
}

/**
 * Blackbox exporter, Alertmanager and Prometheus on the files that ship (deploy/, alerts/). Only addresses and speed
 * differ: targets and receivers become the lab's, intervals and `for:` shorter. Prometheus takes five seconds before its
 * first scrape, so it starts together with the brokers; Alertmanager tells nobody until {@link armAlerts}.
 */
export async function startMonitoring(file: StateFile): Promise<void> {
  const state = file.now
  const dir = monitoringFolder(state)
  mkdirSync(join(dir, 'rules'), { recursive: true })
  writeFileSync(join(dir, 'prometheus.yml'), stringify(prometheusConfiguration(state)))
  writeRules(dir)
  writeFileSync(
    join(dir, 'alertmanager.yml'),
    stringify({ route: { receiver: 'nobody' }, receivers: [{ name: 'nobody' }] }),
  )
  const { blackbox, alertmanager, prometheus } = state.ports
  start(file, 'blackbox', [
    program('prometheus-blackbox-exporter'),
    `--config.file=${join(repository, 'deploy/prometheus/blackbox.yml')}`,
    `--web.listen-address=127.0.0.1:${blackbox}`,
  ])
  // The empty cluster address stops gossip, which would open a fixed port.
  start(file, 'alertmanager', [
    program('prometheus-alertmanager'),
    `--config.file=${join(dir, 'alertmanager.yml')}`,
    `--storage.path=${join(dir, 'alertmanager-data')}`,
    `--web.listen-address=127.0.0.1:${alertmanager}`,
    '--cluster.listen-address=',
    `--web.external-url=http://127.0.0.1:${alertmanager}`,
  ])
  start(file, 'prometheus', [
    program('prometheus'),
    `--config.file=${join(dir, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(dir, 'prometheus-data')}`,
    '--storage.tsdb.retention.time=6h',
    `--web.listen-address=127.0.0.1:${prometheus}`,
    `--web.external-url=http://127.0.0.1:${prometheus}`,
    // An alert that fires before Prometheus has found Alertmanager is dropped and sent again after this time, 1m unless
    // told. It also sets how soon alerts end when Prometheus dies: after four of it.
    '--rules.alert.resend-delay=5s',
  ])
  for (const port of [blackbox, alertmanager, prometheus]) {
    const path = port === blackbox ? '/' : '/-/ready'
    await waitFor(
      `port ${port} to be ready`,
      async () => (await fetch(`http://127.0.0.1:${port}${path}`)).ok,
      30_000,
      100,
    )
  }
}

/**
 * Waits until every broker is scraped and probed and Watchdog alone fires, then gives Alertmanager its receivers: nothing
 * is told about a lab that is still starting.
 */
export async function armAlerts(state: LabState): Promise<void> {
  const alertmanager = `http://127.0.0.1:${state.ports.alertmanager}`
  const firing = async () =>
    ((await (await fetch(`${alertmanager}/api/v2/alerts`)).json()) as { labels: { alertname: string } }[]).map(
      ({ labels }) => labels.alertname,
    )
  await waitScraped(state)
  // On a busy machine brokers take longer to start than kafka-healing, which is not there yet, may be missed.
  const calm = async () => {
    const alerts = (await firing()).filter((name) => name !== 'KafkaHealingAbsent')
    if (alerts.join() === 'Watchdog') return true
    throw new Error(`firing: ${alerts.join(', ')}`)
  }
  await waitFor('Watchdog and no other alert', calm, 30_000, 100)
  writeFileSync(join(monitoringFolder(state), 'alertmanager.yml'), stringify(alertmanagerConfiguration(state)))
  const answer = await fetch(`${alertmanager}/-/reload`, { method: 'POST' })
  if (!answer.ok) throw new Error(`Alertmanager does not take its receivers: ${await answer.text()}`)
}

/** The bearer token between Alertmanager and kafka-healing. */
export const webhookToken = 'lab-webhook-token'

export function webhookTokenFile(state: LabState): string {
  return join(state.dir, 'webhook.token')
}

/** Instant query; the samples' labels with their values. */
export async function query(
  state: LabState,
  expression: string,
): Promise<{ metric: Record<string, string>; value: number }[]> {
  const url = new URL(`http://127.0.0.1:${state.ports.prometheus}/api/v1/query`)
  url.searchParams.set('query', expression)
  const answer = (await (await fetch(url)).json()) as {
    data: { result: { metric: Record<string, string>; value: [number, string] }[] }
  }
  return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
}

export async function waitScraped(state: LabState): Promise<void> {
  await waitFor('every broker to be scraped and probed', () => allSeen(state), 60_000, 100)
}

/** deploy/prometheus/prometheus.yml names so many brokers; a lab with more has the rest unseen. */
const MONITORED = 3

async function allSeen(state: LabState): Promise<boolean> {
  const brokers = await query(state, 'up{job="kafka-jmx"} == 1 and on (broker_id) probe_success{job="kafka-api"} == 1')
  return brokers.length === Math.min(state.brokers.length, MONITORED)
}

function start(file: StateFile, name: string, argv: readonly string[]): void {
  file.recordProcess(name, launch(argv, join(monitoringFolder(file.now), `${name}.log`)))
}

function monitoringFolder(state: LabState): string {
  return join(state.dir, 'monitoring')
}

function writeRules(dir: string): void {
  for (const name of ['kafka.rules.yml', 'kafka-healing.rules.yml']) {
    const text = readFileSync(join(repository, 'alerts', name), 'utf8')
    writeFileSync(
      join(dir, 'rules', name),
      text.replaceAll(
        /^(\s+for:) (\d+)m$/gm,
        (_, key: string, minutes: string) => `${key} ${quickly(Number(minutes))}`,
      ),
    )
  }
}

/** A minute off and six times as fast: `1m` is at once, and what waits longer still outlasts a heal of the lab. */
function quickly(minutes: number): string {
  return `${(minutes - 1) * 10}s`
}

function prometheusConfiguration(state: LabState): object {
  const shipped = parse(readFileSync(join(repository, 'deploy/prometheus/prometheus.yml'), 'utf8')) as {
    global: object
    scrape_configs: readonly ScrapeJob[]
  }
  const interval = `${state.scrapeIntervalSeconds}s`
  const addresses = addressesOf(state)
  const jobs = shipped.scrape_configs
    .map((job) => ({
      ...job,
      // With a broker dead a scrape of kafka_exporter takes five seconds and more.
      ...(job.job_name === 'kafka-exporter' ? { scrape_interval: '5s', scrape_timeout: '5s' } : {}),
      static_configs: job.static_configs
        .map((group) => ({ ...group, targets: group.targets.flatMap((target) => addresses.get(target) ?? []) }))
        .filter((group) => group.targets.length > 0),
      relabel_configs: (job.relabel_configs ?? []).map((rule) =>
        rule['replacement'] === 'blackbox:9115' ? { ...rule, replacement: `127.0.0.1:${state.ports.blackbox}` } : rule,
      ),
    }))
    .filter((job) => job.static_configs.length > 0)
  return {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: [join(monitoringFolder(state), 'rules/*.yml')],
    alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${state.ports.alertmanager}`] }] }] },
    scrape_configs: jobs,
  }
}

function addressesOf(state: LabState): ReadonlyMap<string, string> {
  const pairs = state.brokers.flatMap((node): [string, number][] => [
    [`kafka-${node.id}:7071`, node.jmxPort],
    [`kafka-${node.id}:9092`, node.port],
  ])
  if (state.parts.includes('exporter')) pairs.push(['kafka-exporter:9308', state.ports.exporter])
  pairs.push(['kafka-healing:9095', state.ports.healing])
  return new Map(pairs.map(([name, port]) => [name, `127.0.0.1:${port}`]))
}

interface Route {
  readonly receiver: string
  readonly routes?: readonly Route[]
  readonly [setting: string]: unknown
}

/** The shipped routes with lab speed. The pager's mail is left out: only kafka-healing's mails are to be counted. */
function alertmanagerConfiguration(state: LabState): object {
  const shipped = parse(readFileSync(join(repository, 'deploy/alertmanager/alertmanager.yml'), 'utf8')) as {
    route: Route
  }
  const quick = { group_wait: '0s', group_interval: '1s' }
  const extra = state.webhooks.map((url, index) => ({ name: `webhook-${index + 1}`, url }))
  const toExtra = extra.map(({ name }) => ({ receiver: name, group_by: ['...'], ...quick, continue: true }))
  const shippedRoutes = (shipped.route.routes ?? []).map((route) => ({ ...route, ...quick }))
  const http = { follow_redirects: false, authorization: { type: 'Bearer', credentials_file: webhookTokenFile(state) } }
  const healing = `http://127.0.0.1:${state.ports.healing}/webhook`
  return {
    route: { ...shipped.route, ...quick, routes: [...toExtra, ...shippedRoutes] },
    receivers: [
      { name: 'oncall' },
      { name: 'kafka-healing', webhook_configs: [{ url: healing, send_resolved: true, http_config: http }] },
      ...extra.map(({ name, url }) => ({ name, webhook_configs: [{ url, send_resolved: true }] })),
    ],
  }
}

/** What promtool and amtool say about the lab's own copies; throws when they are not valid. */
export async function checkMonitoring(state: LabState): Promise<void> {
  const dir = monitoringFolder(state)
  await mustRun([program('promtool', 'prometheus'), 'check', 'config', join(dir, 'prometheus.yml')])
  await mustRun([program('amtool', 'prometheus-alertmanager'), 'check-config', join(dir, 'alertmanager.yml')])
}
