import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ClientError } from './error.ts'
import { findServer, type ServerOptions } from './server.ts'

const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-server-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function configOf(text: string): string {
  const file = join(folder, `config-${(files += 1)}.yml`)
  writeFileSync(file, text)
  return file
}
const find = (options: Partial<ServerOptions>, env: Readonly<Record<string, string>> = {}) =>
  findServer({ timeout: 1_000, ...options }, env)
const credentialOf = (options: Partial<ServerOptions>, env: Readonly<Record<string, string>> = {}) =>
  find(options, env).source.headers?.['authorization'] ?? null

describe('which service', () => {
  const config = configOf('listen: 0.0.0.0:9999\napi: { credentials: [{ token: "from-config" }] }\n')

  it('is named by --url, else KAFKA_HEALING_URL, else by where the configuration listens', () => {
    const env = { KAFKA_HEALING_URL: 'http://by-env:1/prefix/' }
    expect(find({ url: 'https://by-option:2', config }, env)).toMatchObject({
      source: { url: 'https://by-option:2' },
      from: '--url',
    })
    expect(find({ config }, env)).toMatchObject({
      source: { url: 'http://by-env:1/prefix' },
      from: 'KAFKA_HEALING_URL',
    })
    expect(find({ config }, { KAFKA_HEALING_URL: '' })).toMatchObject({
      source: { url: 'http://127.0.0.1:9999' },
      from: config,
    })
  })

  it.each([
    ['127.0.0.1:9095', 'http://127.0.0.1:9095'],
    ['0.0.0.0:1', 'http://127.0.0.1:1'],
    ['"[::]:2"', 'http://[::1]:2'],
    ['"[2001:db8::1]:3"', 'http://[2001:db8::1]:3'],
    ['${WHERE:healing.example.org:4}', 'http://healing.example.org:4'],
  ])('that listens on %s is asked at %s', (listen, url) => {
    expect(find({ config: configOf(`listen: ${listen}\n`) }).source.url).toBe(url)
  })

  it('with TLS is asked by HTTPS, and must show the certificate of the configuration unless an authority is named', () => {
    const tls = configOf('listen: 0.0.0.0:5\ntls: { cert_file: tls/cert.pem, key_file: tls/key.pem }\n')
    const certFile = join(folder, 'tls/cert.pem')

    expect(find({ config: tls }).source).toMatchObject({ url: 'https://127.0.0.1:5', certFile, caFile: null })
    expect(find({ config: tls, caFile: 'ca.pem' }).source).toMatchObject({ certFile: null, caFile: 'ca.pem' })
    expect(find({ config: tls }, { KAFKA_HEALING_CA_FILE: 'env.pem' }).source).toMatchObject({ caFile: 'env.pem' })
  })

  it('is found although the rest of the configuration is wrong or belongs to another user', () => {
    const broken = configOf('listen: 127.0.0.1:6\nsmpt: {}\nsmtp: { host: "${NOT_SET}", password_file: /nowhere }\n')
    expect(find({ config: broken }).source.url).toBe('http://127.0.0.1:6')
  })

  it.each([
    ['listen: {}\n', /config-\d+\.yml: listen: .*\n.*--url/],
    ['listen: [\n', /config-\d+\.yml:\d+:\d+: .*\n/],
    ['listen: 127.0.0.1:0\n', /port 0/],
  ])('is told as unknown where the configuration %j does not say it', (text, problem) => {
    expect(() => find({ config: configOf(text) })).toThrow(problem)
  })

  it.each(['nonsense', 'ftp://x', 'http://user:secret@x'])('is no address %s', (url) => {
    const refused = (): unknown => {
      try {
        return find({ url })
      } catch (error) {
        return error
      }
    }
    expect(refused()).toBeInstanceOf(ClientError)
    expect(refused()).toMatchObject({ exitCode: 2 })
    expect(String(refused())).not.toContain('secret')
  })

  it('is reached again by the same options', () => {
    expect(find({ url: 'http://x:1', tokenFile: tokenFile('t') }).again).toEqual([
      '--url',
      'http://x:1',
      '--token-file',
      expect.stringContaining('token-'),
    ])
    expect(find({}, { KAFKA_HEALING_URL: 'http://x' }).again).toEqual([])
  })
})

let tokens = 0
function tokenFile(text: string): string {
  const file = join(folder, `token-${(tokens += 1)}`)
  writeFileSync(file, text)
  return file
}

describe('the credential', () => {
  mkdirSync(join(folder, 'secrets'))
  writeFileSync(join(folder, 'secrets/api'), 'in-a-file\n')

  it('is the token in --token-file, else in KAFKA_HEALING_TOKEN, else the first of the configuration', () => {
    const config = configOf('api: { credentials: [{ token_file: secrets/api }, { token: other }] }\n')
    const env = { KAFKA_HEALING_TOKEN: 'by-env' }
    expect(credentialOf({ config, tokenFile: tokenFile('by-file\n') }, env)).toBe('Bearer by-file')
    expect(credentialOf({ config }, env)).toBe('Bearer by-env')
    expect(credentialOf({ config })).toBe('Bearer in-a-file')
    const basic = configOf('api: { credentials: [{ username: ann, password: pä }] }\n')
    expect(credentialOf({ config: basic })).toBe(`Basic ${Buffer.from('ann:pä').toString('base64')}`)
    expect(credentialOf({ config: configOf('listen: 127.0.0.1:1\n') })).toBeNull()
  })

  it('of the configuration goes to no other address', () => {
    const config = configOf('api: { credentials: [{ token: secret }] }\n')
    expect(credentialOf({ config, url: 'http://elsewhere' })).toBeNull()
    expect(credentialOf({ config }, { KAFKA_HEALING_URL: 'http://elsewhere' })).toBeNull()
  })

  it('that cannot be read is no obstacle, but is named for the case that one is wanted', () => {
    const file = join(folder, 'secrets/absent')
    const config = configOf(`api: { credentials: [{ token_file: ${file} }] }\n`)
    expect(find({ config })).toMatchObject({ credential: `the first of api.credentials: ${file} does not exist` })
    expect(credentialOf({ config })).toBeNull()
  })

  it.each(['', 'two words', 'line\nbreak', 'tök'])('is not %j', (text) => {
    expect(() => find({ url: 'http://x', tokenFile: tokenFile(text) })).toThrow(/token-\d+: expected one token/)
  })

  it('is asked for with the name of the file that is not there', () => {
    expect(() => find({ url: 'http://x', tokenFile: join(folder, 'gone') })).toThrow(/--token-file: .*gone/)
  })
})
