import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, describe, expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { InForce, sourceOf } from './in-force.ts'
import { Secret } from './secret.ts'

test('an HTTP API is asked with the login, the authority and the time-out of its entry', () => {
  const endpoint = { url: 'https://p:9090', caFile: '/etc/ca.pem', timeoutMs: 3_000 }
  const bearer = { kind: 'bearer' as const, token: new Secret('abc') }
  const basic = { kind: 'basic' as const, username: 'u', password: new Secret('p') }
  expect(sourceOf({ ...endpoint, login: bearer })).toEqual({ ...endpoint, headers: { authorization: 'Bearer abc' } })
  expect(sourceOf({ ...endpoint, login: basic }).headers).toEqual({ authorization: 'Basic dTpw' })
  expect(sourceOf({ ...endpoint, login: null }).headers).toEqual({})
})

describe('a reload', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-in-force-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const configFile = join(folder, 'config.yml')
  const logged: string[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) })

  const inventory = (host: string): void =>
    writeFileSync(
      join(folder, 'inventory.yml'),
      `clusters: { orders: { bootstrap: ['${host}:9092'], connection: { driver: ssh, user: healer, key_file: key, host_key: "SHA256:${'A'.repeat(43)}" }, brokers: [{ id: 1, host: ${host}, unit: kafka.service, data: [/data] }] } }\n`,
    )
  const config = (more = '', host = 'mail-1'): void =>
    writeFileSync(
      configFile,
      `rules: [rules.yml]\nsmtp: { host: ${host}, from: a@example.org, username: a, password_file: password, ca_file: ca.pem }\n${more}`,
    )

  function load(): InForce {
    writeFileSync(join(folder, 'password'), 'first-password')
    writeFileSync(join(folder, 'ca.pem'), 'first')
    writeFileSync(join(folder, 'key'), 'k', { mode: 0o600 })
    writeFileSync(join(folder, 'rules.yml'), 'rules: []\nrunbooks: {}\n')
    config()
    inventory('kafka-1')
    return InForce.load({ configFile, clock: systemClock, log, env: {} })
  }

  test('leaves the way to the mail server open where nothing of it has changed, and closes what it replaces', async () => {
    const inForce = load()
    const first = inForce.route
    config('log: { level: warn }\n')
    expect(inForce.take(inForce.read())).toMatchObject({ ok: true })
    expect(inForce.route).toBe(first)

    const changes = [
      () => config('', 'mail-2'),
      () => writeFileSync(join(folder, 'password'), 'second-password'),
      () => writeFileSync(join(folder, 'ca.pem'), 'second'),
    ]
    const message = {
      recipient: 'a@example.org',
      messageId: '<1@x>',
      references: [],
      subject: '',
      text: '',
      html: null,
    }
    for (const change of changes) {
      const { primary } = inForce.route
      change()
      expect(inForce.take(inForce.read())).toMatchObject({ ok: true })
      expect(inForce.route.primary).not.toBe(primary)
      // Nobody waits for one that is closed, and the mail is tried again by the other.
      const sent = await primary.send(message, { signal: AbortSignal.timeout(5_000) })
      expect(sent).toMatchObject({ outcome: 'retry', scope: 'message' })
    }
    await inForce.close()
  })

  test('keeps everything with any problem in any file, and says what is wrong until it is mended', async () => {
    const inForce = load()
    const { configuration, world, route } = inForce
    const terms = inForce.terms()
    expect(inForce.status()).toMatchObject({ lastReloadSuccessful: true, problems: [] })
    inventory('"no host"')
    config('log: { level: warn }\n')
    const refused = inForce.take(inForce.read())
    const said = expect.stringContaining('inventory.yml:1:') as string
    expect(refused).toMatchObject({ ok: false, problems: [said, said] })
    expect(inForce.configuration).toBe(configuration)
    expect(inForce.world).toBe(world)
    expect(inForce.route).toBe(route)
    expect(inForce.terms()).toBe(terms)
    expect(inForce.status()).toMatchObject({
      revision: configuration.revision.name,
      lastReloadSuccessful: false,
      problems: 'problems' in refused && refused.problems,
    })

    inventory('kafka-2')
    expect(inForce.take(inForce.read())).toMatchObject({ ok: true, revision: { dirty: null, commit: null } })
    expect(inForce.status()).toMatchObject({ lastReloadSuccessful: true, problems: [] })
    expect(inForce.configuration.config.log.level).toBe('warn')
    await inForce.close()
  })

  test('does not take it for meant that no rule is left: a folder that is not mounted looks like that', async () => {
    const inForce = load()
    const rules = join(folder, 'rules.yml')
    writeFileSync(
      rules,
      `rules: [{ name: a, match: [alertname="A"], target: { broker: from-labels }, runbook: r, escalation: { to: [oncall] } }]
runbooks: { r: { rungs: [[{ systemd: { verb: start } }]], verify: [{ probe: unit, within: 1m }] } }\n`,
    )
    config('receivers: { oncall: [a@example.org] }\n')
    expect(inForce.take(inForce.read())).toMatchObject({ ok: true })
    writeFileSync(rules, 'rules: []\n')
    const problems = [expect.stringContaining('no rule is left of those that are in force') as string]
    expect(inForce.take(inForce.read())).toEqual({ ok: false, problems })
    expect(inForce.configuration.rules).toHaveLength(1)
    await inForce.close()
  })

  test('keeps the connection to a host whose settings stay, and forgets the others', async () => {
    const inForce = load()
    const target = inForce.world.inventory.targets.get('orders/broker/1')
    if (!target) throw new Error('no target')
    const host = inForce.world.hosts.hostOf(target)
    inForce.take(inForce.read())
    expect(inForce.world.hosts.hostOf(target)).toBe(host)
    inventory('kafka-2')
    inForce.take(inForce.read())
    expect(inForce.world.hosts.hostOf(target)).not.toBe(host)
    await inForce.close()
  })

  test('says which settings wait for the next start, until they are what they were', async () => {
    const inForce = load()
    config('listen: 127.0.0.1:1\nlimits: { inbox: 7 }\n')
    inForce.take(inForce.read())
    expect(inForce.status().atNextStart).toEqual(['listen', 'limits'])
    expect(logged.join('')).toContain('"setting":"listen","msg":"this setting changes only at the next start"')
    config()
    inForce.take(inForce.read())
    expect(inForce.status().atNextStart).toEqual([])
    await inForce.close()
  })
})
