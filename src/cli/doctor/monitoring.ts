import { z } from 'zod'
import type { Clock } from '../../clock.ts'
import type { Config, Endpoint } from '../../config.ts'
import { formatDuration } from '../../duration.ts'
import { sourceOf } from '../../in-force.ts'
import { ask } from '../../probes/ask.ts'
import type { Source } from '../../probes/exchange.ts'
import { openMonitoring } from '../../probes/monitoring.ts'
import { quoted } from '../../probes/quoted.ts'
import { CheckError, examine, type Finding, failed, type Outcome, ok, warning } from './finding.ts'

const DEADLINE_MS = 8_000

/** Prometheus and each Alertmanager, asked as the service asks them. */
export async function examineMonitoring(config: Config, clock: Clock): Promise<readonly Finding[]> {
  const { prometheus, alertmanagers } = config
  const found = await Promise.all([
    prometheus === null
      ? examine('prometheus', 'configured', clock, async () =>
          none('prometheus', 'rules and probes that ask it cannot be used'),
        )
      : examine(`prometheus ${prometheus.url}`, 'query', clock, () => query(prometheus)),
    ...(alertmanagers.length === 0
      ? [
          examine('alertmanager', 'configured', clock, async () =>
            none('alertmanagers', 'alerts whose webhook is lost are never found, nor those whose end is'),
          ),
        ]
      : alertmanagers.map((endpoint) => examineAlertmanager(endpoint, config, clock))),
  ])
  return found.flat()
}

function none(key: string, consequence: string): Outcome {
  return warning(`the configuration names no \`${key}\`: ${consequence}`, `add \`${key}\` to the configuration`)
}

async function query(endpoint: Endpoint): Promise<Outcome> {
  const { prometheus } = openMonitoring({ prometheus: soon(endpoint) })
  const samples = (await prometheus?.('count(up)').catch((error: unknown) => notAsked(error))) ?? []
  const targets = samples[0]?.value ?? 0
  if (targets === 0) return warning('it answers and scrapes nothing', 'see its page Status → Targets')
  return ok(`it answers and scrapes ${targets} targets`)
}

/** Of one that does not answer nothing more is asked. */
async function examineAlertmanager(
  endpoint: Endpoint,
  { receiver, reconcile, watchdog }: Config,
  clock: Clock,
): Promise<readonly Finding[]> {
  const on = `alertmanager ${endpoint.url}`
  let answers = false
  const status = await examine(on, 'status', clock, async (signal) => {
    const { uptime, versionInfo } = await get(endpoint, '/api/v2/status', Status, signal)
    answers = true
    const age = Math.max(0, clock.now() - Date.parse(uptime))
    const text = `version ${versionInfo.version}, up for ${formatDuration(Math.floor(age / 1000) * 1000)}`
    return ok(age < reconcile.settleMs ? `${text}: too young for an alert to be called gone` : text)
  })
  if (!answers) return status
  const rest = await Promise.all([
    examine(on, 'receiver', clock, async (signal) =>
      judgeReceivers(await get(endpoint, '/api/v2/receivers', Receivers, signal), receiver),
    ),
    examine(on, 'Watchdog', clock, async (signal) => {
      const query = new URLSearchParams({ filter: `alertname=${quoted(watchdog.alertname)}` })
      const path = `/api/v2/alerts?${query.toString()}`
      return judgeWatchdog(await get(endpoint, path, Alerts, signal), watchdog.alertname)
    }),
  ])
  return [...status, ...rest.flat()]
}

function judgeReceivers(receivers: z.output<typeof Receivers>, receiver: string): Outcome {
  const names = receivers.map(({ name }) => name)
  if (names.includes(receiver)) return ok(`it has the receiver ${receiver}`)
  return failed(
    `it has no receiver ${receiver}; it has ${names.join(', ') || 'none'}`,
    'add it there with a webhook_config to this instance (deploy/alertmanager/alertmanager.yml shows one), or set `receiver` to its name there',
  )
}

function judgeWatchdog(alerts: z.output<typeof Alerts>, alertname: string): Outcome {
  if (alerts.length > 0) return ok(`the alert ${alertname} is there`)
  return warning(
    `no alert ${alertname}: an Alertmanager without alerts looks like one that Prometheus does not reach, so no alert is called gone`,
    'load alerts/kafka.rules.yml into Prometheus, or name your own always-firing alert in `watchdog`',
  )
}

const Receivers = z.array(z.object({ name: z.string() }))
const Alerts = z.array(z.object({ fingerprint: z.string() }))
const Status = z.object({ uptime: z.string(), versionInfo: z.object({ version: z.string() }) })

async function get<T>(endpoint: Endpoint, path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
  return ask(soon(endpoint), { method: 'GET', path, signal }, schema).catch((error: unknown) => notAsked(error))
}

/** As the service asks it, within what a check may take. */
function soon(endpoint: Endpoint): Source {
  return { ...sourceOf(endpoint), timeoutMs: Math.min(endpoint.timeoutMs, DEADLINE_MS) }
}

function notAsked(error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error)
  throw new CheckError(
    `it cannot be asked: ${reason}`,
    'look at `url`, `ca_file` and the login in the configuration; try `curl` on its /-/ready',
  )
}
