import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { forBroker, readAnswers, type Told, wrongIn } from './answers.ts'

const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-answers-'))
const key = join(folder, 'key')
writeFileSync(key, 'x')
afterAll(() => rmSync(folder, { recursive: true }))

const enough: Told = {
  bootstrap: 'kafka-1:9092,[::1]:9092',
  cluster: 'orders',
  unit: 'kafka.service',
  sshUser: 'healer',
  sshKey: key,
  mailTo: 'a@example.org, b@example.org',
  smtp: 'smtp.example.org',
  externalUrl: 'http://healing:9095',
}
const problems = (told: Told): readonly string[] => {
  const read = readAnswers(told)
  return 'problems' in read ? read.problems : []
}

describe('answers', () => {
  test('are read, with what follows when nothing is said', () => {
    expect(readAnswers(enough)).toMatchObject({
      ok: {
        bootstrap: [
          { host: 'kafka-1', port: 9092 },
          { host: '::1', port: 9092 },
        ],
        protocol: 'PLAINTEXT',
        driver: 'ssh',
        sshPort: 22,
        mailTo: ['a@example.org', 'b@example.org'],
        smtp: { host: 'smtp.example.org', port: 0 },
        mode: 'inform',
      },
    })
  })

  test('that are missing are told all at once, each by its option', () => {
    expect(problems({})).toEqual([
      '--bootstrap is missing',
      '--cluster is missing',
      '--unit is missing',
      '--mail-to is missing',
      '--smtp is missing',
      '--external-url is missing',
      '--ssh-user is missing: the hosts are reached by SSH (or --driver local)',
      '--ssh-key is missing: the hosts are reached by SSH (or --driver local)',
    ])
  })

  test.each<[Told, RegExp]>([
    [{ cluster: 'all' }, /^--cluster: "all" cannot be a name$/],
    [{ bootstrap: 'kafka-1' }, /^--bootstrap: expected host:port$/],
    [{ unit: 'kafka' }, /^--unit: kafka: expected the full name of a systemd service/],
    [{ unit: 'a.service,b.service' }, /^--unit: b\.service: there are two for all brokers$/],
    [{ unit: '1=a.service,1=b.service' }, /there are two for broker 1/],
    [{ jmxPort: '70000' }, /^--jmx-port: 70000: expected a whole number from 1 to 65535/],
    [{ mailTo: 'oncall' }, /^--mail-to: expected an e-mail address/],
    [{ sshKey: '/no/such/key' }, /^--ssh-key: .*does not exist \(make one: ssh-keygen/],
    [{ alertmanager: 'alertmanager:9093' }, /^--alertmanager: expected a URL/],
    [{ driver: 'local' }, /^--ssh-user means nothing with --driver local$/],
    [{ protocol: 'SASL_SSL' }, /^--sasl-user is missing: --protocol SASL_SSL logs in$/],
    [{ smtpUser: 'me' }, /^--smtp-password-file is missing/],
    [{ exporterUnit: 'x.service' }, /^--exporter-unit means nothing without --exporter$/],
    [{ mode: 'act' }, /^--mode act needs --alertmanager or --prometheus/],
  ])('%j is refused', (change, problem) => {
    expect(problems({ ...enough, ...change })).toContainEqual(expect.stringMatching(problem))
  })

  test('that are wrong are told before those that are missing are asked for', () => {
    expect(wrongIn({ cluster: '*', smtp: '::' })).toHaveLength(2)
    expect(wrongIn({ cluster: 'orders' })).toEqual([])
  })

  test('for each broker are its own, else those for all, with its id where {id} stands', () => {
    const read = readAnswers({ ...enough, unit: 'kafka@{id}.service,3=other-{id}.service', jmxPort: '2=7072' })
    if ('problems' in read) throw new Error(read.problems.join())
    const { unit, jmxPort } = read.ok
    expect([1, 2, 3].map((id) => forBroker(unit, id))).toEqual([
      'kafka@1.service',
      'kafka@2.service',
      'other-3.service',
    ])
    expect([1, 2].map((id) => jmxPort && forBroker(jmxPort, id))).toEqual([null, 7072])
  })
})
