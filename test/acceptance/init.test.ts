import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import type { Finding } from '../../src/cli/doctor/finding.ts'
import { type Lab, startLab } from '../lab/lab.ts'
import { smtpCertificate } from '../lab/mail.ts'
import { clientKeyFile } from '../lab/sshd.ts'
import { waitFor } from '../lab/wait.ts'
import { type ApiView, incident, incidents } from '../support/api.ts'
import { cli } from '../support/cli.ts'
import { quickRules, type RuleFile, writeRules } from '../support/rules.ts'
import { type Service, startService } from '../support/service.ts'

let lab: Lab
let folder: string
let service: Service | null = null

beforeAll(async () => {
  lab = await startLab({ alerts: false, sessionTimeoutMs: 3_000 })
  await lab.createTopic('orders')
  folder = join(lab.state.dir, 'init')
}, 180_000)

afterAll(async () => {
  await service?.stop()
  await lab?.down()
}, 60_000)

const local = (port: number): string => `127.0.0.1:${port}`
const read = (name: string): string => readFileSync(join(folder, name), 'utf8')

/** What a person tells `init` about this lab: nothing that Kafka knows. */
function told(): readonly string[] {
  const { ports, ssh, brokers } = lab.state
  return Object.entries({
    bootstrap: local(lab.broker(3).port),
    cluster: 'orders',
    unit: 'kafka-{id}.service',
    systemctl: 'user',
    'ssh-user': ssh?.user ?? '',
    'ssh-port': String(ports.ssh),
    'ssh-key': clientKeyFile(lab.state),
    'mail-to': 'oncall@example.com',
    smtp: local(ports.smtpTls),
    'smtp-ca-file': smtpCertificate,
    alertmanager: lab.url.alertmanager,
    prometheus: lab.url.prometheus,
    'jmx-port': brokers.map(({ id, jmxPort }) => `${id}=${jmxPort}`).join(),
    exporter: local(ports.exporter),
    blackbox: local(ports.blackbox),
    'external-url': lab.url.healing,
    mode: 'act',
    dir: folder,
  }).flatMap(([name, value]) => [`--${name}`, value])
}

/** Puts what was written for Prometheus and Alertmanager into force, faster, and with the token where it lies. */
async function superviseAsWritten(): Promise<void> {
  const monitoring = join(lab.state.dir, 'monitoring')
  const lists = parse(readFileSync(join(monitoring, 'prometheus.yml'), 'utf8')) as object
  const { scrape_configs: jobs } = parse(read('setup/prometheus-scrapes.yml')) as {
    scrape_configs: { job_name: string }[]
  }
  const quick = jobs.map((job) =>
    job.job_name === 'kafka-exporter' ? { ...job, scrape_interval: '5s', scrape_timeout: '5s' } : job,
  )
  writeFileSync(join(monitoring, 'prometheus.yml'), stringify({ ...lists, scrape_configs: quick }))
  lab.signalProcess('prometheus', 'SIGHUP')
  const route = read('setup/alertmanager.yml')
    .replace('/etc/alertmanager/kafka-healing.token', join(folder, 'secrets/webhook-token'))
    .replaceAll(/group_interval: \d+s/g, 'group_interval: 1s')
  writeFileSync(join(monitoring, 'alertmanager.yml'), route)
  lab.signalProcess('alertmanager', 'SIGHUP')
  await waitFor(
    'every broker to be scraped under the host that init wrote',
    async () => {
      const seen = await lab.query(
        'up{job="kafka-jmx",host="127.0.0.1"} == 1 and on (broker_id) probe_success{job="kafka-api"} == 1',
      )
      return seen.length === 3
    },
    30_000,
  )
  await waitFor('Watchdog to reach Alertmanager', async () => (await firing()).includes('Watchdog'), 30_000)
}

async function firing(): Promise<readonly string[]> {
  const alerts = (await (await fetch(`${lab.url.alertmanager}/api/v2/alerts`)).json()) as {
    labels: { alertname: string }
  }[]
  return alerts.map(({ labels }) => labels.alertname)
}

/** The service with the login that init made. */
async function start(): Promise<Service> {
  const running = await startService({ config: join(folder, 'config.yml'), listen: local(lab.state.ports.healing) })
  const authorization = `Basic ${Buffer.from(`oncall:${read('secrets/api-password').trim()}`).toString('base64')}`
  return {
    ...running,
    get: async (path) => (await fetch(running.url + path, { headers: { authorization } })).json(),
  }
}

describe('init on a live cluster', () => {
  test('writes what doctor finds in order, and a killed broker heals with it', { timeout: 150_000 }, async () => {
    const { code, stdout, stderr } = await cli(['init', ...told()])
    expect(code, stdout + stderr).toBe(0)
    expect(stdout).toContain(`COMPARE these host keys`)
    expect(stdout).toContain(`${local(lab.state.ports.ssh)}  ${lab.state.ssh?.hostKey}`)
    expect(stdout).not.toContain('to look at')
    for (const { port, controllerPort, dir } of lab.state.brokers)
      for (const known of [local(port), local(controllerPort ?? 0), join(dir, 'data')])
        expect(read('inventory.yml')).toContain(known)
    expect(await cli(['check', join(folder, 'config.yml')])).toMatchObject({ code: 0 })

    await superviseAsWritten()
    const doctor = await cli(['doctor', '--config', join(folder, 'config.yml'), '--json'])
    const { findings } = JSON.parse(doctor.stdout) as { findings: readonly Finding[] }
    expect(findings.filter(({ status }) => status !== 'ok')).toEqual([])
    expect(findings.length).toBeGreaterThan(25)

    // As fast as every test, and blind to the lab having started its units just now (S-5.12); the mode is init's own.
    const written = parse(read('rules/kafka.yml')) as RuleFile
    expect(new Set(written.rules.map((rule) => rule['mode']))).toEqual(new Set(['act']))
    const { rules, runbooks } = quickRules()
    writeRules(folder, {
      rules: rules.map((rule, index) => ({ ...rule, mode: written.rules[index]?.['mode'] })),
      runbooks,
    })
    service = await start()
    const running = service
    await lab.signalBroker(2, 'SIGKILL')
    const opened = await waitFor(
      'the incident',
      async () => (await incidents(running)).find(({ rule }) => rule === 'broker-down')?.id,
      30_000,
    )
    let seen: ApiView | null = null
    const closed = await waitFor(
      'the incident to be closed',
      async () => {
        seen = await incident(running, opened)
        return seen.incident.state === 'closed' ? seen : undefined
      },
      60_000,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${JSON.stringify(seen?.incident)}\n${running.output().slice(-5_000)}`)
    })
    expect(closed.incident).toMatchObject({ subject: { key: 'orders/broker/2' }, outcome: 'healed', attempts: 1 })
    await lab.waitHealed()
  })
})
