import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { type Config, exposure, loadConfig } from './config.ts'
import { UNDERSTOOD } from './config-schema.ts'
import { formatProblem } from './document/problem.ts'

const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-config-'))
afterAll(() => rmSync(folder, { recursive: true }))
mkdirSync(join(folder, 'secrets'))
writeFileSync(join(folder, 'secrets/token'), 'from-a-file\n')
writeFileSync(join(folder, 'secrets/empty'), '\n')
writeFileSync(join(folder, 'ca.pem'), 'pem')

function load(text: string, env: Record<string, string> = {}, name = 'config.yml') {
  const file = join(folder, name)
  writeFileSync(file, text)
  const { config, problems } = loadConfig(file, env)
  return { config, problems: problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, '')) }
}

function good(text: string, env: Record<string, string> = {}, name?: string): Config {
  const { config, problems } = load(text, env, name)
  if (config === null) throw new Error(problems.join('\n'))
  return config
}

describe('the configuration', () => {
  it('may be empty: it then listens on this machine only and tells nobody', () => {
    expect(good('')).toMatchObject({
      listen: { host: '127.0.0.1', port: 9095 },
      database: { kind: 'sqlite', path: join(folder, 'data/kafka-healing.db') },
      inventory: join(folder, 'inventory.yml'),
      rules: [join(folder, 'rules/*.yml')],
      receiver: 'kafka-healing',
      webhookCredentials: [],
      tls: null,
      prometheus: null,
      alertmanagers: [],
      smtp: null,
      noticesTo: null,
      limits: { bodyBytes: 16_777_216, inboxDepth: 100_000 },
      retention: { days: 90, maxBytes: 2_147_483_648 },
      log: { level: 'info' },
    })
  })

  it('names a file for SQLite, or PostgreSQL by its URL with what belongs to it', () => {
    const defaults = { kind: 'postgres', port: 5432, tls: false, caFile: null, pool: 8 }
    const bare = good('database: postgres://healing@db.example/healing')
    expect(bare.database).toEqual({
      ...defaults,
      host: 'db.example',
      user: 'healing',
      database: 'healing',
      password: null,
    })
    const whole = good(
      'database: { url: "postgresql://he%40ling@[::1]:6432/d", password_file: secrets/token, ca_file: ca.pem, pool: 12 }',
    )
    expect(whole.database).toMatchObject({ host: '::1', port: 6432, user: 'he@ling', tls: true, pool: 12 })
    expect(whole.database).toMatchObject({ caFile: join(folder, 'ca.pem') })
    expect(whole.database.kind === 'postgres' && whole.database.password?.reveal()).toBe('from-a-file')
    const within = good('database: "postgres://u:p%2Fw-secret@h/d?sslmode=require"')
    expect(within.database.kind === 'postgres' && within.database.password?.reveal()).toBe('p/w-secret')
    expect(within.database).toMatchObject({ tls: true })
    expect(`${inspect(within, { depth: 9 })}${JSON.stringify(within)}`).not.toContain('w-secret')
  })

  it('shows no password in what it says is wrong', () => {
    for (const text of [
      'database: postgres://u:w-secret@h',
      'database: { url: "postgres://u:w-secret@h/d?x=1", pool: 0 }',
    ])
      expect(load(text).problems.join()).not.toContain('w-secret')
  })

  const yaml = `
listen: \${HOST:0.0.0.0}:\${PORT}
external_url: https://healing.example.org/
webhook:
  credentials:
    - { token_file: secrets/token, clusters: [orders] }
    - { username: am, password: "\${AM_PASSWORD}" }
api: { credentials: [{ token: t1 }] }
prometheus: { url: "http://p:9090/", token_file: secrets/token, ca_file: ca.pem, timeout: 3s }
alertmanagers: [{ url: http://a1:9093 }, { url: http://a2:9093, username: u, password: p }]
smtp:
  host: mail.example.org
  username: u
  password_file: secrets/token
  from: Kafka healing <healing@example.org>
  backup: { host: mail2.example.org, security: tls }
receivers:
  oncall: [a@example.org, b@example.org]
  team: { emails: [c@example.org] }
notices: { to: [team] }
retention: { days: "30", size: 500 MiB }
log: { level: debug }
`
  const env = { PORT: '9095', AM_PASSWORD: '12345' }

  it('reads everything, from variables and secret files too', () => {
    const config = good(yaml, env)

    expect(config).toMatchObject({
      listen: { host: '0.0.0.0', port: 9095 },
      externalUrl: 'https://healing.example.org',
      prometheus: { url: 'http://p:9090', caFile: join(folder, 'ca.pem'), timeoutMs: 3_000, login: { kind: 'bearer' } },
      alertmanagers: [{ url: 'http://a1:9093', login: null }, { login: { kind: 'basic', username: 'u' } }],
      smtp: {
        from: 'Kafka healing <healing@example.org>',
        server: { host: 'mail.example.org', port: 587, encryption: 'starttls', user: 'u' },
        backup: { port: 465, encryption: 'tls', user: null, password: null },
      },
      retention: { days: 30, maxBytes: 524_288_000 },
    })
    const [first, second] = config.webhookCredentials
    expect(first?.kind === 'bearer' && [first.token.reveal(), first.clusters]).toEqual(['from-a-file', ['orders']])
    expect(second?.kind === 'basic' && [second.username, second.password.reveal(), second.clusters]).toEqual([
      'am',
      '12345',
      null,
    ])
    expect(config.receivers.get('oncall')).toEqual(['a@example.org', 'b@example.org'])
    expect(config.receivers.get('team')).toEqual(['c@example.org'])
  })

  it('never prints a secret', () => {
    const config = good(yaml, env)

    for (const shown of [JSON.stringify(config), inspect(config, { depth: 9 })]) {
      for (const secret of ['from-a-file', '12345', 't1"']) expect(shown).not.toContain(secret)
    }
  })

  it('reads the same from JSON and INI', () => {
    const json = good('{"listen": "127.0.0.1:1", "receivers": {"oncall": ["a@example.org"]}}', {}, 'config.json')
    const ini = good(
      'listen = 127.0.0.1:1\n[receivers]\noncall[] = a@example.org\n[retention]\ndays = 7\n[alertmanagers.0]\nurl = http://a:9093\n[log]\nlevel = debug\n',
      {},
      'config.ini',
    )

    expect(json.receivers).toEqual(ini.receivers)
    expect(json.listen).toEqual(ini.listen)
    expect(ini).toMatchObject({
      retention: { days: 7 },
      alertmanagers: [{ url: 'http://a:9093' }],
      log: { level: 'debug' },
    })
  })

  it.each([
    ['lisen: 127.0.0.1:1', 'config.yml:1:1: unknown key "lisen" (did you mean "listen"?)'],
    ['listen: here', 'config.yml:1:9: listen: expected host:port'],
    ['database: postgres://', 'config.yml:1:11: expected postgres://user@host:port/database'],
    ['database: postgres://db.example/healing', 'config.yml:1:11: expected postgres://user@host:port/database'],
    ['database: { url: /var/lib/x.db }', 'config.yml:1:18: expected postgres://user@host:port/database'],
    ['database: { path: x }', 'config.yml:1:13: unknown key "path"'],
    [
      'database: { url: postgres://u:p@h/d, password_file: secrets/token }',
      'config.yml:1:53: the URL names a password already',
    ],
    ['database: { url: postgres://u@h/d, password_file: secrets/none }', 'secrets/none does not exist'],
    ['database: postgres://u@h/d?ssl=true', 'config.yml:1:11: unknown parameter "ssl" in the URL; known: sslmode'],
    ['database: postgres://u@h/d?sslmode=prefer', 'sslmode must be one of disable, require, verify-full'],
    ['database: { url: "postgres://u@h/d?sslmode=disable", ca_file: ca.pem }', 'ca_file asks for TLS'],
    ['database: { url: postgres://u@h/d, pool: 1 }', 'database.pool: expected a whole number from 3 to 200'],
    ['listen: 127.0.0.1:99999', 'config.yml:1:9: listen: expected host:port'],
    ['external_url: ftp://x', 'config.yml:1:15: external_url: expected a URL that begins with http:// or https://'],
    [
      'receivers: { oncall: [nobody] }',
      'config.yml:1:23: receivers.oncall[0]: expected an e-mail address such as oncall@example.org',
    ],
    ['receivers: { oncall: [] }', 'config.yml:1:14: receivers.oncall: name at least one address'],
    ['receivers: { "a b": [a@x.org] }', 'config.yml:1:14: receivers.a b: a name has letters'],
    ['smtp: { host: h }', 'config.yml:1:7: "smtp.from" is missing'],
    ['smtp: { host: h, from: "x y" }', 'config.yml:1:24: smtp.from: expected an address, or "Name <address>"'],
    [
      'smtp: { host: h, from: a@x.org, security: ssl }',
      'smtp.security: expected one of starttls, tls, plain, got "ssl"',
    ],
    [
      'smtp: { host: h, from: a@x.org, username: u }',
      'config.yml:1:1: username and password (or password_file) belong together',
    ],
    [
      'prometheus: { url: http://p, token: a, token_file: b }',
      'config.yml:1:30: token and token_file exclude each other',
    ],
    ['prometheus: { url: http://p, ca_file: nope.pem }', 'nope.pem does not exist'],
    ['tls: { cert_file: ca.pem, key_file: nope }', 'config.yml:1:37: nope does not exist'],
    ['api: { credentials: [{ token_file: secrets/none }] }', 'secrets/none does not exist'],
    ['api: { credentials: [{ token_file: secrets/empty }] }', 'secrets/empty is empty'],
    ['api: { credentials: [{ token_file: secrets }] }', 'secrets is not a file'],
    ['api: { credentials: [{}] }', 'config.yml:1:22: expected token, token_file, or username with password'],
    ['api: { credentials: [{ username: u }] }', 'config.yml:1:34: a username needs a password'],
    ['api: { credentials: [{ password: p }] }', 'config.yml:1:34: a password needs a username'],
    ['api: { credentials: [{ token: t, username: u, password: p }] }', 'exclude each other'],
    ['api: { credentials: [{ token: t, clusters: [a] }] }', 'unknown key "clusters"'],
    ['notices: { to: [nobody] }', 'config.yml:1:17: there is no receiver "nobody"'],
    ['notices: { to: [] }', 'name at least one receiver'],
    ['retention: { days: 0 }', 'config.yml:1:20: retention.days: expected a whole number from 1 to 3650'],
    ['limits: { body: big }', 'config.yml:1:17: limits.body: expected a size such as 16MiB'],
    ['log: { level: trace }', 'expected one of debug, info, warn, error, got "trace"'],
    ['listen: ${NOWHERE}:1', 'config.yml:1:9: the environment variable NOWHERE is not set'],
    ['allow_unauthenticated: yes please', 'must be exactly the words'],
    ['smtp: { host: ${H}, from: a@x.org }', 'config.yml:1:16: inside { } and [ ] a ${…} must stand in quotes'],
    ['a: 1\na: 2', 'config.yml:2:1: this key is already there'],
  ])('refuses %s', (text, expected) => {
    const { config, problems } = load(text)

    // It can still be looked at where only the file of a secret is missing.
    if (!expected.endsWith('does not exist')) expect(config).toBeNull()
    expect(problems.join('\n')).toContain(expected)
  })

  it('tells everything that is wrong at once', () => {
    const { problems } = load('lisen: x\nlog: { level: loud }\nsmtp: { host: "-x" }\nlisten: ${NOPE}:1\n')

    expect(problems.map((problem) => problem.split(':')[1])).toEqual(expect.arrayContaining(['1', '2', '3', '4']))
  })

  it('says that a file does not exist', () => {
    expect(loadConfig(join(folder, 'none.yml')).problems.map(({ message }) => message)).toEqual([
      'the file does not exist',
    ])
  })
})

describe('listening beyond this machine', () => {
  it.each(['0.0.0.0:9095', '10.0.0.1:9095', '"[::]:9095"', 'kafka-healing.example.org:9095'])(
    'on %s needs credentials',
    (listen) => {
      expect(load(`listen: ${listen}`).problems.join()).toContain('needs webhook.credentials and api.credentials')
      expect(load(`listen: ${listen}\napi: { credentials: [{ token: t }] }`).problems.join()).toContain(
        'needs webhook.credentials, or',
      )
      expect(
        load(`listen: ${listen}\napi: { credentials: [{ token: t }] }\nwebhook: { credentials: [{ token: t }] }`)
          .problems,
      ).toEqual([])
    },
  )

  it.each(['127.0.0.1:9095', '127.1.2.3:0', 'localhost:9095', '"[::1]:9095"'])('is not what %s is', (listen) => {
    expect(load(`listen: ${listen}`).problems).toEqual([])
  })

  it('is allowed when asked for in words', () => {
    expect(load(`listen: 0.0.0.0:9095\nallow_unauthenticated: ${UNDERSTOOD}`).problems).toEqual([])
  })

  it('is asked again for an address from the command line', () => {
    const config = good('')

    expect(exposure(config, { host: '0.0.0.0', port: 0 })).toContain('needs webhook.credentials and api.credentials')
    expect(exposure(config, { host: '127.0.0.1', port: 0 })).toBeNull()
    expect(exposure(config, { host: '127.0.0.1.example.org', port: 0 })).not.toBeNull()
  })
})
