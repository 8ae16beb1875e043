import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { metricNames } from '../../src/telemetry.ts'
import { program, run } from '../lab/processes.ts'
import { repository } from '../lab/state.ts'

interface AlertRule {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

const files = ['kafka', 'kafka-healing']
const ruleFile = (name: string) => join('alerts', `${name}.rules.yml`)
const rulesOf = (name: string): readonly AlertRule[] =>
  (parse(text(ruleFile(name))) as { groups: { rules: AlertRule[] }[] }).groups.flatMap(({ rules }) => rules)
const allRules = files.flatMap(rulesOf)
const alertmanagerFile = 'deploy/alertmanager/alertmanager.yml'

describe('the alerts that ship', () => {
  test.each(files)('%s.rules.yml passes promtool check and its tests', async (name) => {
    const promtool = program('promtool', 'prometheus')
    const check = await tool([promtool, 'check', 'rules', '--lint=all', '--lint-fatal', ruleFile(name)])
    expect(check, check.stderr).toMatchObject({ code: 0 })
    const tests = await tool([promtool, 'test', 'rules', join('alerts', `${name}.test.yml`)])
    expect(tests, tests.stderr).toMatchObject({ code: 0 })
  })

  test('every alert has a test', () => {
    const tested = files.map((name) => text(join('alerts', `${name}.test.yml`))).join('\n')
    expect(allRules.map(({ alert }) => alert).filter((alert) => !tested.includes(`alertname: ${alert}`))).toEqual([])
  })

  test('every alert says how severe it is, what it means, and where the runbook is', () => {
    const page = text('docs/alerts.md')
    for (const { alert, labels, annotations } of allRules) {
      expect(labels['severity'], alert).toMatch(/^(critical|warning|none)$/)
      expect(Object.keys(annotations), alert).toEqual(['summary', 'description', 'runbook_url'])
      expect(page).toContain(`\n## ${alert}\n`)
      // An alert that a rule heals by has a page of its own; test/shipped/runbooks.test.ts says which.
      const [path = '', anchor] = annotations['runbook_url']?.split('#') ?? []
      if (anchor === undefined) expect(path, alert).toMatch(/^docs\/runbooks\/[a-z-]+\.md$/)
      else expect(`${path}#${anchor}`, alert).toBe(`docs/alerts.md#${alert.toLowerCase()}`)
      expect(existsSync(join(repository, path)), `${alert}: ${path}`).toBe(true)
      expect(JSON.stringify(labels), `${alert}: a value in a label makes each value another alert`).not.toContain(
        '$value',
      )
    }
  })

  test('alerts about kafka-healing use metrics that it has', () => {
    const used = rulesOf('kafka-healing').flatMap(({ expr }) => expr.match(/kafka_healing_\w+/g) ?? [])
    expect(used.length).toBeGreaterThan(4)
    expect(used.filter((name) => !(metricNames as readonly string[]).includes(name))).toEqual([])
  })
})

describe('the Alertmanager configuration that ships', () => {
  test('amtool accepts it', async () => {
    const check = await tool([program('amtool', 'prometheus-alertmanager'), 'check-config', alertmanagerFile])
    expect(check, check.stderr).toMatchObject({ code: 0 })
  })

  // Each alert with the labels it is fired with, and who has to be told.
  test.each(allRules.map(({ alert, labels }) => [alert, receiversFor(alert), labels['severity'] ?? ''] as const))(
    'S-6.4 %s goes to %s',
    async (alert, receivers, severity) => {
      const labels = [`alertname=${alert}`, `severity=${severity}`, 'cluster=orders', 'broker_id=2']
      const flags = [`--config.file=${alertmanagerFile}`, `--verify.receivers=${receivers}`]
      const routes = await tool([
        program('amtool', 'prometheus-alertmanager'),
        'config',
        'routes',
        'test',
        ...flags,
        ...labels,
      ])
      expect(routes, routes.stdout + routes.stderr).toMatchObject({ code: 0 })
    },
  )

  test('gives kafka-healing no redirects to follow, a token, and the news of what resolved', () => {
    const { receivers } = parse(text(alertmanagerFile)) as {
      receivers: { name: string; webhook_configs?: Record<string, unknown>[] }[]
    }
    const webhook = receivers.find(({ name }) => name === 'kafka-healing')?.webhook_configs?.[0]
    expect(webhook).toMatchObject({
      send_resolved: true,
      http_config: { follow_redirects: false, authorization: { type: 'Bearer', credentials_file: expect.any(String) } },
    })
    expect(webhook).not.toHaveProperty('max_alerts')
  })
})

describe('the Prometheus configuration that ships', () => {
  test('promtool and the blackbox exporter accept their files', async () => {
    const prometheus = ['check', 'config', '--syntax-only', 'deploy/prometheus/prometheus.yml']
    expect(await tool([program('promtool', 'prometheus'), ...prometheus])).toMatchObject({ code: 0 })
    const blackbox = ['--config.check', '--config.file=deploy/prometheus/blackbox.yml']
    expect(await tool([program('prometheus-blackbox-exporter'), ...blackbox])).toMatchObject({ code: 0 })
  })

  test('labels every broker series with cluster and broker_id, and leaves kafka_exporter the time it needs', () => {
    const { scrape_configs: jobs } = parse(text('deploy/prometheus/prometheus.yml'), { merge: true }) as {
      scrape_configs: {
        job_name: string
        scrape_timeout?: string
        static_configs: { labels?: Record<string, string> }[]
      }[]
    }
    const labelsOf = (name: string) =>
      jobs.find(({ job_name }) => job_name === name)?.static_configs.map(({ labels }) => labels)
    for (const job of ['kafka-jmx', 'kafka-tcp', 'kafka-api']) {
      expect(labelsOf(job)?.map((labels) => `${labels?.['cluster']}/${labels?.['broker_id']}`)).toEqual([
        'orders/1',
        'orders/2',
        'orders/3',
      ])
    }
    expect(labelsOf('kafka-exporter')).toMatchObject([{ cluster: 'orders', exporter: 'kafka-exporter' }])
    const timeout = jobs.find(({ job_name }) => job_name === 'kafka-exporter')?.scrape_timeout ?? ''
    expect(Number.parseInt(timeout, 10)).toBeGreaterThanOrEqual(20)
  })
})

function receiversFor(alert: string): string {
  if (alert === 'Watchdog') return 'kafka-healing'
  return alert.startsWith('KafkaHealing') ? 'oncall' : 'kafka-healing,oncall'
}

function text(path: string): string {
  return readFileSync(join(repository, path), 'utf8')
}

function tool(argv: readonly string[]) {
  return run(argv, { cwd: repository })
}
