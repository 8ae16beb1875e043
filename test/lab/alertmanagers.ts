import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import type { Lab } from './lab.ts'
import { freePorts } from './ports.ts'
import { program } from './processes.ts'
import { waitFor } from './wait.ts'

/** A process of the monitoring that a test takes away and brings back. */
export interface Part {
  readonly url: string
  /** Not to answer any more, as one that hangs. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
  /** Starts it again where it was; an Alertmanager knows nothing of before. */
  start(): Promise<void>
}

/** The lab's Prometheus with its Alertmanager and a second one, which Prometheus tells as much. */
export interface Alertmanagers {
  readonly prometheus: Part
  readonly both: readonly [Part, Part]
  /** Whether the alert that always fires is among Prometheus' rules. */
  setWatchdog(there: boolean): void
}

/**
 * Gives the lab a second Alertmanager, and an alert `KafkaUnitDown` for each of its units that serves, named by its labels
 * `cluster` and `exporter`.
 */
export async function addAlertmanager(lab: Lab): Promise<Alertmanagers> {
  const dir = join(lab.state.dir, 'monitoring')
  const [port = 0] = await freePorts(1)
  const first = `127.0.0.1:${lab.state.ports.alertmanager}`
  const second = `127.0.0.1:${port}`

  const file = join(dir, 'prometheus.yml')
  const configuration = parse(readFileSync(file, 'utf8')) as { scrape_configs: object[]; alerting: object }
  const units = lab.state.smallUnits.filter((unit) => unit.port !== null)
  configuration.alerting = { alertmanagers: [{ static_configs: [{ targets: [first, second] }] }] }
  configuration.scrape_configs.push({
    job_name: 'units',
    static_configs: units.map((unit) => ({
      targets: [`127.0.0.1:${unit.port}`],
      labels: { cluster: 'orders', exporter: unit.name },
    })),
  })
  writeFileSync(file, stringify(configuration))
  const down = { alert: 'KafkaUnitDown', expr: 'up{job="units"} == 0' }
  writeFileSync(join(dir, 'rules', 'units.rules.yml'), stringify({ groups: [{ name: 'units', rules: [down] }] }))

  const data = join(dir, 'alertmanager-2-data')
  lab.startProcess('alertmanager-2', [
    program('prometheus-alertmanager'),
    `--config.file=${join(dir, 'alertmanager.yml')}`,
    `--storage.path=${data}`,
    `--web.listen-address=${second}`,
    '--cluster.listen-address=',
    `--web.external-url=http://${second}`,
  ])
  const both = [
    partOf(lab, 'alertmanager', `http://${first}`, join(dir, 'alertmanager-data')),
    partOf(lab, 'alertmanager-2', `http://${second}`, data),
  ] as const
  await ready(both[1].url)
  lab.signalProcess('prometheus', 'SIGHUP')

  const shipped = join(dir, 'rules', 'kafka.rules.yml')
  const whole = readFileSync(shipped, 'utf8')
  return {
    prometheus: partOf(lab, 'prometheus', lab.url.prometheus, null),
    both,
    setWatchdog: (there) => {
      writeFileSync(shipped, there ? whole : whole.replace('alert: Watchdog', 'alert: NoWatchdog'))
      lab.signalProcess('prometheus', 'SIGHUP')
    },
  }
}

/** `data`: what is removed between its end and its next start. */
function partOf(lab: Lab, name: string, url: string, data: string | null): Part {
  let argv: readonly string[] = []
  return {
    url,
    freeze: () => lab.signalProcess(name, 'SIGSTOP'),
    thaw: () => lab.signalProcess(name, 'SIGCONT'),
    stop: async () => {
      argv = await lab.stopProcess(name)
      if (data !== null) rmSync(data, { recursive: true, force: true })
    },
    start: async () => {
      lab.startProcess(name, argv)
      await ready(url)
    },
  }
}

async function ready(url: string): Promise<void> {
  await waitFor(`${url} to be ready`, async () => (await fetch(`${url}/-/ready`)).ok, 30_000, 100)
}
