import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import type { Finding, Status } from '../../src/cli/doctor/finding.ts'
import { type Lab, startLab } from '../lab/lab.ts'
import { waitFor } from '../lab/wait.ts'
import { cli } from '../support/cli.ts'
import { quickRules, writeRules } from '../support/rules.ts'
import { reply, startMailServer } from '../support/smtp.ts'

interface BrokerFields {
  unit: string
  data: unknown[]
  [key: string]: unknown
}
interface ClusterFields {
  cluster_id?: string
  bootstrap: string[]
  connection: Record<string, unknown>
  brokers: BrokerFields[]
  [key: string]: unknown
}

let lab: Lab
let serial = 0

beforeAll(async () => {
  lab = await startLab({ brokers: 1, parts: ['kafka', 'ssh', 'mail', 'monitoring'], sessionTimeoutMs: 3_000 })
  await lab.createTopic('orders')
  writeRules(lab.healingFolder, quickRules())
}, 180_000)

afterAll(() => lab?.down(), 60_000)

const configFile = () => join(lab.healingFolder, 'config.yml')

/** The lab's configuration with something changed, in files of its own. */
function changed(
  change: (cluster: ClusterFields, broker: BrokerFields, config: Record<string, unknown>) => void,
): string {
  const read = (name: string) => parse(readFileSync(join(lab.healingFolder, name), 'utf8')) as Record<string, unknown>
  const inventory = read('inventory.yml') as { clusters: { orders: ClusterFields } }
  const config = read('config.yml')
  const [broker] = inventory.clusters.orders.brokers
  if (broker === undefined) throw new Error('the inventory names no broker')
  serial += 1
  config['inventory'] = `inventory-${serial}.yml`
  change(inventory.clusters.orders, broker, config)
  writeFileSync(join(lab.healingFolder, `inventory-${serial}.yml`), stringify(inventory))
  const file = join(lab.healingFolder, `config-${serial}.yml`)
  writeFileSync(file, stringify(config))
  return file
}

interface Report {
  readonly code: number | null
  readonly findings: readonly Finding[]
  readonly of: (status: Status) => readonly Finding[]
}

async function doctor(config: string): Promise<Report> {
  const { code, stdout, stderr } = await cli(['doctor', '--config', config, '--json'])
  expect(stderr).toBe('')
  const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] }
  return { code, findings, of: (status) => findings.filter((finding) => finding.status === status) }
}

describe('doctor', () => {
  test('finds nothing to mend where all is well, and says what it looked at', async () => {
    const { code, findings, of } = await doctor(configFile())
    expect(of('failed')).toEqual([])
    // One broker holds the one copy of each topic.
    expect(of('warning').map(({ seen }) => seen)).toEqual([
      'no replica can be missed of orders: their replication factor is no larger than min.insync.replicas',
    ])
    expect(code).toBe(0)
    const checks = new Set(findings.map(({ check }) => check))
    const wanted = [
      'files',
      'connection',
      'clock',
      'hold file',
      'unit kafka-1.service',
      'data of orders/broker/1',
      'cluster',
      'query',
      'status',
      'receiver',
      'Watchdog',
      'login',
    ]
    for (const check of wanted) expect(checks).toContain(check)
    const { stdout } = await cli(['doctor', '--config', configFile()])
    expect(stdout).toContain(`let in; the machine shows the pinned key ${lab.state.ssh?.hostKey}`)
    expect(stdout).not.toContain('\u001b')
    expect(stdout).toMatch(/\n\d+ ok, 1 warning, 0 failed\n$/)
  })

  test('shows the key of a machine that the inventory pins wrongly, to be compared and pasted', async () => {
    const file = changed((cluster) => (cluster.connection['host_key'] = `SHA256:${'B'.repeat(43)}`))
    const { code, of } = await doctor(file)
    expect(code).toBe(1)
    expect(of('failed')).toMatchObject([{ on: expect.stringContaining('ssh '), check: 'connection' }])
    const [finding] = of('failed')
    expect(finding?.seen).toContain(`shows the key ${lab.state.ssh?.hostKey}`)
    expect(finding?.todo).toContain('ssh-keygen -lf')
    expect(finding?.todo).toContain(`host_key: "${lab.state.ssh?.hostKey}"`)
  })

  test('shows the key of a machine that is not pinned yet, and looks at everything else meanwhile', async () => {
    const { code, findings, of } = await doctor(changed((cluster) => delete cluster.connection['host_key']))
    expect(code).toBe(1)
    expect(of('failed').find(({ check }) => check === 'connection')?.todo).toContain(
      `host_key: "${lab.state.ssh?.hostKey}"`,
    )
    expect(of('failed').find(({ check }) => check === 'files')?.seen).toContain('needs a `host_key`')
    expect(findings).toContainEqual(expect.objectContaining({ check: 'login', status: 'ok' }))
    expect(findings).toContainEqual(
      expect.objectContaining({ seen: expect.stringContaining('as pinned'), status: 'ok' }),
    )
  })

  test('S-2.3 tells another cluster id, and the live one to pin where none is', async () => {
    const wrong = await doctor(changed((cluster) => (cluster.cluster_id = 'QUFBQUFBQUFBQUFBQUFBQQ')))
    expect(wrong.code).toBe(1)
    expect(wrong.of('failed').map(({ check }) => check)).toEqual(['data of orders/broker/1', 'cluster'])
    expect(wrong.of('failed')[1]?.seen).toContain(lab.state.clusterId)
    const unpinned = await doctor(
      changed((cluster, _broker, config) => {
        delete cluster.cluster_id
        config['rules'] = ['none/*.yml']
      }),
    )
    expect(unpinned.of('warning').find(({ check }) => check === 'cluster')?.todo).toContain(
      `cluster_id: ${lab.state.clusterId}`,
    )
  })

  test('tells a unit that is not there, one without an end to its start (S-4.6), and one that is disabled (S-2.5)', async () => {
    const missing = await doctor(changed((_cluster, broker) => (broker.unit = 'no-such.service')))
    expect(missing.of('failed')).toMatchObject([
      { check: 'unit no-such.service', seen: expect.stringContaining('has no unit') },
    ])

    const endless = await lab.addSmallUnit('endless')
    const unitFile = join(lab.state.dir, 'xdg/systemd/user', endless.unit)
    writeFileSync(unitFile, readFileSync(unitFile, 'utf8').replace('[Service]', '[Service]\nTimeoutStartSec=infinity'))
    await lab.systemctl('daemon-reload')
    await lab.systemctl('disable', endless.unit)
    const { code, of } = await doctor(configFile())
    expect(code).toBe(0)
    const said = of('warning').map(({ check, seen }) => `${check}: ${seen}`)
    expect(said).toContainEqual(expect.stringContaining('TimeoutStartSec of endless.service is infinity'))
    expect(said).toContainEqual(expect.stringMatching(/unit endless\.service: active \(running\), disabled/))
  })

  test('tells data of another node, and brokers that inventory and cluster do not share', async () => {
    const { code, of } = await doctor(
      changed((cluster, broker) => {
        broker['id'] = 7
        cluster.brokers = [broker]
      }),
    )
    expect(code).toBe(1)
    const said = [...of('failed'), ...of('warning')].map(({ seen }) => seen)
    expect(said).toContainEqual(expect.stringContaining('holds node 1, not 7'))
    expect(said).toContainEqual('orders/broker/7 has the address of broker 1')
    expect(said).toContainEqual('orders/broker/7 is in the inventory and not in the cluster')
    expect(said).toContainEqual(expect.stringMatching(/^broker 1 at .* is in the cluster and not in the inventory$/))
  })

  test('is through in time with a host that is away, one that says nothing, and a listener that says nothing', async () => {
    const silent = await lab.startSilentHost()
    try {
      const { code, of } = await doctor(
        changed((cluster, broker) => {
          const address = `127.0.0.1:${silent.port}`
          const other = (id: number, port: number) => ({
            ...broker,
            id,
            unit: `kafka-${id}.service`,
            address: id === 8 ? address : `127.0.0.1:${port + 1}`,
            aliases: [],
            connection: { port },
          })
          cluster.brokers = [broker, other(8, silent.port), other(9, 1)]
        }),
      )
      expect(code).toBe(1)
      const connections = of('failed').filter(({ check }) => check === 'connection')
      expect(connections.map(({ on }) => on.split(':').at(-1))).toEqual([String(silent.port), '1'])
      expect(of('failed')).toContainEqual(
        expect.objectContaining({
          check: `listener 127.0.0.1:${silent.port}`,
          seen: 'broker 8: no-answer (nothing in 2000 ms)',
        }),
      )
    } finally {
      await silent.close()
    }
  })

  test('tells an SMTP password that is refused, and never prints it', async () => {
    const smtp = await startMailServer({
      allowInsecureAuth: true,
      onAuth: (_auth, _session, done) => done(reply(535, 'wrong')),
    })
    try {
      const file = changed((_cluster, _broker, config) => {
        const login = { username: 'healing', password: 'pa55-word-of-tests' }
        config['smtp'] = { host: '127.0.0.1', port: smtp.port, security: 'plain', from: 'kh@example.com', ...login }
      })
      const { code, of, findings } = await doctor(file)
      expect(code).toBe(1)
      expect(of('failed')).toMatchObject([{ check: 'login', seen: expect.stringContaining('535') }])
      expect(JSON.stringify(findings)).not.toContain('pa55-word-of-tests')
    } finally {
      await smtp.stop()
    }
  })

  test('tells an Alertmanager that does not have our receiver, and monitoring that is not there', async () => {
    const stranger = await doctor(changed((_cluster, _broker, config) => (config['receiver'] = 'somebody-else')))
    expect(stranger.of('failed')).toMatchObject([
      { check: 'receiver', seen: expect.stringContaining('no receiver somebody-else') },
    ])
    const away = await doctor(
      changed((_cluster, _broker, config) => {
        config['prometheus'] = { url: 'http://127.0.0.1:1' }
        config['alertmanagers'] = [{ url: 'http://127.0.0.1:1' }]
      }),
    )
    expect(away.of('failed').map(({ check }) => check)).toEqual(['query', 'status'])
  })

  test('tells every mistake in the files, and looks at what can be read', async () => {
    const { code, of, findings } = await doctor(changed((_cluster, _broker, config) => (config['listn'] = 'x')))
    expect(code).toBe(1)
    expect(of('failed')).toMatchObject([{ check: 'files', seen: expect.stringContaining('listn') }])
    expect(findings).toContainEqual(expect.objectContaining({ check: 'connection', status: 'ok' }))
  })
})

describe('plan', () => {
  const alert = { labels: { alertname: 'KafkaBrokerDown', cluster: 'orders', broker_id: '1' } }
  const plan = (body: unknown, ...more: readonly string[]) =>
    cli(['plan', '--config', configFile(), ...more, '-'], JSON.stringify(body))

  test('would not act on a broker that runs, and says which guard sees it', async () => {
    const { code, stdout } = await plan(alert)
    expect(code).toBe(3)
    expect(stdout).toMatch(/refuse +symptom +it answers, whatever its unit says/)
    expect(stdout).toMatch(/healed +kafka-api/)
    expect(stdout).toMatch(/would not act because .*symptom refuses: it answers/)
    expect(stdout).toMatch(/exporter-down +not tried: broker-down matched and does not continue/)
  })

  test('S-2.1 would not act for a broker, a cluster or an alert that nobody knows', async () => {
    const body = [
      { labels: { ...alert.labels, broker_id: '17' } },
      { labels: { ...alert.labels, cluster: 'pay\u001b[31m' } },
      { labels: { alertname: 'Other' } },
      { ...alert, status: 'resolved' },
    ]
    const { code, stdout } = await plan(body)
    expect(code).toBe(3)
    expect(stdout).toContain('cluster "orders" has no broker "17" in the inventory')
    expect(stdout).toContain('the inventory has no cluster')
    expect(stdout).toContain('alertname="KafkaBrokerDown" does not hold: it is "Other"')
    expect(stdout).toContain('no rule matches')
    expect(stdout).toContain('would not act because the alert is resolved')
    expect(stdout).not.toContain('\u001b')
  })

  test('says what keeps it from telling anything', async () => {
    expect(await plan('no alert')).toMatchObject({ code: 1, stderr: expect.stringContaining('standard input: ') })
    expect(await cli(['plan', '--config', configFile(), '/nowhere.json'])).toMatchObject({ code: 1, stdout: '' })
    const broken = changed((_cluster, _broker, config) => (config['listn'] = 'x'))
    const { code, stderr } = await cli(['plan', '--config', broken, '-'], JSON.stringify(alert))
    expect(code).toBe(1)
    expect(stderr).toMatch(/config-\d+\.yml:\d+:\d+: .*listn/)
  })

  test('would start a broker that died, or in mode inform tell so; names the command, does and stores nothing', {
    timeout: 120_000,
  }, async () => {
    await lab.signalBroker(1, 'SIGKILL')
    const { unit } = lab.broker(1)
    await lab.waitUnit(unit, { ActiveState: 'failed', Result: 'signal' })
    const before = await lab.unit(unit)
    const alerts = await waitFor(
      'Alertmanager to have the alert',
      async () => {
        const seen = (await (await fetch(`${lab.url.alertmanager}/api/v2/alerts`)).json()) as {
          labels: Record<string, string>
        }[]
        return seen.some(({ labels }) => labels['alertname'] === 'KafkaBrokerDown') ? seen : undefined
      },
      30_000,
    )
    const text = await plan(alerts)
    expect(text.stdout).toContain(`would run start-broker on orders/broker/1: systemctl --user start ${unit}`)
    expect(text.code).toBe(0)

    const { code, stdout } = await plan(alerts, '--json')
    expect(code).toBe(0)
    const { alerts: planned } = JSON.parse(stdout) as {
      alerts: { labels: Record<string, string>; looks: { guards: { guard: string; verdict: string }[] }[] }[]
    }
    const look = planned.find(({ labels }) => labels['alertname'] === 'KafkaBrokerDown')?.looks[0]
    expect(look).toMatchObject({
      rule: 'broker-down',
      would: 'act',
      target: { key: 'orders/broker/1' },
      firstAttempt: [{ command: { argv: ['systemctl', '--user', 'start', unit] } }],
    })
    const verdicts = look?.guards.map(({ guard, verdict }) => [guard, verdict])
    expect(verdicts).toContainEqual(['symptom', 'pass'])
    expect(verdicts).toContainEqual(['identity', 'pass'])
    expect(verdicts).toContainEqual(['still-firing', 'pass'])

    const { ActiveState, InvocationID } = await lab.unit(unit)
    expect({ ActiveState, InvocationID }).toEqual({ ActiveState: 'failed', InvocationID: before['InvocationID'] })
    expect(existsSync(join(lab.healingFolder, 'data'))).toBe(false)

    writeRules(lab.healingFolder, quickRules({ mode: 'inform' }))
    const informed = await plan(alerts)
    expect(informed.stdout).toContain('would only tell kafka-oncall (mode inform) that it would run start-broker')
    expect(informed.code).toBe(0)
  })
})
