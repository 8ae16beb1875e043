import { describe, expect, test } from 'vitest'
import { planOf, startStep } from '../../../test/support/plan.ts'
import { targetOn } from '../../../test/support/sshd.ts'
import { systemClock } from '../../clock.ts'
import type { Host } from '../../hosts/host.ts'
import type { Rule } from '../../rules/match.ts'
import { entriesOf, examineSudo, withoutPassword } from './sudo.ts'

/** What `sudo -n -l` of sudo 1.9.13 prints for five lines of sudoers, without a terminal. */
const LISTING = String.raw`Matching Defaults entries for healer on kafka-1:
    env_reset, mail_badpass, secure_path=/usr/local/sbin\:/usr/local/bin\:/usr/sbin\:/usr/bin\:/sbin\:/bin, use_pty

User healer may run the following commands on kafka-1:
    (root) NOPASSWD: /usr/bin/systemctl start kafka.service
    (root) NOPASSWD: /usr/bin/systemctl reset-failed kafka.service, /usr/bin/systemctl restart kafka\:x.service
    (root) NOPASSWD: /usr/bin/systemctl start a\\x2db@1.service
    (root) PASSWD: /usr/bin/systemctl stop kafka.service
`

const reset = { ...startStep, params: { verb: 'reset-failed' } }
const rules: readonly Rule[] = [
  {
    name: 'broker-down',
    matchers: [],
    selector: { kind: 'broker', from: 'labels' },
    continue: false,
    plan: { ...planOf(), runbook: { ...planOf().runbook, rungs: [[startStep], [reset, startStep]] } },
  },
]
const target = targetOn(
  { driver: 'ssh', user: 'healer', port: 22, keyFile: '/k', hostKey: 'SHA256:x' },
  { unit: { name: 'kafka.service', manager: 'system', sudo: true } },
)

/** A host whose sudo prints the listing and allows the commands. */
function hostWith(listing: string, allowed: readonly string[], code = 0): Host & { readonly asked: string[] } {
  const asked: string[] = []
  return {
    name: 'ssh healer@kafka-1',
    asked,
    async run(argv) {
      asked.push(argv.join(' '))
      const command = argv.slice(3).join(' ')
      const exitCode = command === '' ? code : allowed.includes(command) ? 0 : 1
      const stderr = code === 0 ? '' : 'sudo: a password is required'
      return { kind: 'exited', exitCode, signal: null, timedOut: false, stdout: command === '' ? listing : '', stderr }
    },
    connect: async () => ({ kind: 'here' }),
  }
}

const both = ['systemctl start kafka.service', 'systemctl reset-failed kafka.service']
const look = (host: Host) => examineSudo('host', host, target, rules, systemClock)

describe('the listing of sudo', () => {
  test('is read with its tags and escapes', () => {
    expect(entriesOf(LISTING)).toEqual([
      { command: '/usr/bin/systemctl start kafka.service', password: false },
      { command: '/usr/bin/systemctl reset-failed kafka.service', password: false },
      { command: '/usr/bin/systemctl restart kafka:x.service', password: false },
      { command: String.raw`/usr/bin/systemctl start a\x2db@1.service`, password: false },
      { command: '/usr/bin/systemctl stop kafka.service', password: true },
    ])
  })

  test.each([
    [['systemctl', 'restart', 'kafka:x.service'], true],
    [['systemctl', 'start', String.raw`a\x2db@1.service`], true],
    [['systemctl', 'stop', 'kafka.service'], false],
    [['systemctl', 'start', 'other.service'], false],
  ])('says of %j that it needs no password: %s', (command, expected) => {
    expect(withoutPassword(LISTING, command)).toBe(expected)
  })

  test('ends with the entry that counts, which is the last one that matches', () => {
    const all = `${LISTING}    (ALL : ALL) ALL\n`
    expect(withoutPassword(all, ['systemctl', 'start', 'kafka.service'])).toBe(false)
  })
})

describe('the check of sudo', () => {
  test('asks for each command of the rules word for word', async () => {
    const host = hostWith(LISTING, both)
    expect(await look(host)).toMatchObject([{ status: 'ok', seen: expect.stringContaining('reset-failed') }])
    expect(host.asked).toEqual(['sudo -n -l', ...both.map((command) => `sudo -n -l ${command}`)])
  })

  test('fails for a command that is not allowed, and names it', async () => {
    const [finding] = await look(hostWith(LISTING, both.slice(0, 1)))
    expect(finding).toMatchObject({ status: 'failed', seen: 'not allowed: systemctl reset-failed kafka.service' })
    expect(finding?.todo).toContain('--print sudoers')
  })

  test('fails for a command that needs a password, although sudo -l says yes to it', async () => {
    const listing = LISTING.replaceAll(
      '(root) NOPASSWD: /usr/bin/systemctl start kafka',
      '(root) PASSWD: /usr/bin/systemctl start kafka',
    )
    const [finding] = await look(hostWith(listing, both))
    expect(finding).toMatchObject({ status: 'failed', seen: expect.stringContaining('only with a password') })
  })

  test('fails where sudo wants a password for the question itself', async () => {
    const [finding] = await look(hostWith('', [], 1))
    expect(finding).toMatchObject({ status: 'failed', seen: 'sudo: sudo: a password is required' })
  })

  test.each([['ALL'], ['/usr/bin/systemctl'], ['/usr/bin/systemctl start *']])(
    'warns when more is allowed than is needed: %s',
    async (wide) => {
      const findings = await look(hostWith(`${LISTING}    (root) NOPASSWD: ${wide}\n`, both))
      expect(findings.map(({ status }) => status)).toEqual(['ok', 'warning'])
      expect(findings[1]?.seen).toContain(wide)
    },
  )

  test('asks nothing where no sudo is needed', async () => {
    const own = { ...target, unit: { name: 'kafka.service', manager: 'user', sudo: false } } as const
    const host = hostWith(LISTING, both)
    expect(await examineSudo('host', host, own, rules, systemClock)).toEqual([])
    expect(host.asked).toEqual([])
  })
})
