import { describe, expect, test } from 'vitest'
import { targetOn } from '../../../test/support/sshd.ts'
import type { Clock } from '../../clock.ts'
import { HOLD_FILE } from '../../guards/identity-facts.ts'
import type { Host, Hosts, RunResult } from '../../hosts/host.ts'
import type { Connection, Inventory } from '../../inventory/inventory.ts'
import { examineHosts } from './hosts.ts'

const NOW = 1_800_000_000_000
const clock: Clock = {
  now: () => NOW,
  monotonic: () => 0,
  // No deadline comes to pass here.
  sleep: (_ms, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve())),
}
const connection: Connection = { driver: 'ssh', user: 'healer', port: 22, keyFile: '/no/such/key', hostKey: 'SHA256:x' }
const target = targetOn(connection, { kind: 'exporter', key: 'orders/exporter/e', host: 'kafka-1' })
const inventory: Inventory = { clusters: new Map(), targets: new Map([[target.key, target]]) }

const said = (stdout: string, more: Partial<Extract<RunResult, { kind: 'exited' }>> = {}): RunResult => ({
  kind: 'exited',
  exitCode: 0,
  signal: null,
  timedOut: false,
  stdout,
  stderr: '',
  ...more,
})

/** Programs as a host in order would answer them; `changes` by name of the program. */
async function look(changes: Readonly<Record<string, RunResult>>) {
  const noHold = `head: cannot open '${HOLD_FILE}' for reading: No such file or directory`
  const answers: Readonly<Record<string, RunResult>> = {
    sh: said(''),
    date: said(`${NOW / 1000}\n`),
    head: said('', { exitCode: 1, stderr: noHold }),
    systemctl: said('LoadState=loaded\nUnitFileState=enabled\nActiveState=active\nSubState=running\n'),
    ...changes,
  }
  const host: Host = {
    name: 'ssh healer@kafka-1',
    run: async ([program = '']) => answers[program] ?? said('', { exitCode: 127 }),
    connect: async () => ({ kind: 'here' }),
  }
  const hosts: Hosts = { hostOf: () => host, hostKeyOf: async () => null, close: async () => undefined }
  const findings = await examineHosts({ inventory, rules: [], hosts, clock })
  return findings.filter(({ status }) => status !== 'ok')
}

describe('a host', () => {
  test('in order has nothing to be mended', async () => {
    expect(await look({})).toEqual([])
  })

  test.each([
    ['6 s behind', -6, [{ check: 'clock', status: 'warning', seen: '5.5 s behind this machine' }]],
    ['6 s ahead', 6, [{ check: 'clock', status: 'warning', seen: '6.5 s ahead of this machine' }]],
    ['4 s ahead', 4, []],
  ])('whose clock is %s', async (_what, seconds, wanted) => {
    expect(await look({ date: said(`${NOW / 1000 + seconds}\n`) })).toMatchObject(wanted)
  })

  test('S-2.4 on hold says that nothing is done there', async () => {
    const held = said(`==> ${HOLD_FILE} <==\n`)
    expect(await look({ head: held })).toMatchObject([{ check: 'hold file', status: 'warning' }])
  })

  test('without flock fails, and one without timeout too', async () => {
    expect(await look({ sh: said('flock\n') })).toMatchObject([{ status: 'failed', seen: 'the host lacks flock' }])
    const none = said('', { exitCode: 127, stderr: 'env: timeout: No such file or directory' })
    expect(await look({ sh: none })).toMatchObject([
      { status: 'failed', seen: expect.stringContaining('lacks timeout') },
    ])
  })

  test('that lets nobody in is asked nothing more', async () => {
    const refused: RunResult = { kind: 'notSent', cause: 'authentication', reason: 'kafka-1 does not let healer in' }
    const findings = await look({ sh: refused, date: said('') })
    expect(findings).toMatchObject([{ check: 'connection', status: 'failed' }])
    expect(findings[0]?.todo).toContain("ssh-keygen -t ed25519 -N '' -f /no/such/key")
  })

  test('with a masked or broken unit says so', async () => {
    const unit = (load: string, file: string) =>
      said(`LoadState=${load}\nUnitFileState=${file}\nActiveState=inactive\nSubState=dead\n`)
    expect(await look({ systemctl: unit('masked', 'masked') })).toMatchObject([{ status: 'warning' }])
    expect(await look({ systemctl: unit('bad-setting', 'enabled') })).toMatchObject([{ status: 'failed' }])
    const bus = said('', { exitCode: 1, stderr: 'Failed to connect to bus' })
    expect(await look({ systemctl: bus })).toMatchObject([{ status: 'failed', seen: expect.stringContaining('bus') }])
  })
})
