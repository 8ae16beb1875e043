import { expect, test } from 'vitest'
import type { RunResult } from '../hosts/host.ts'
import { isSudoRefusal, outcomeOf } from './outcome.ts'

const exited = { kind: 'exited', exitCode: 0, signal: null, timedOut: false, stdout: '', stderr: '' } as const

test.each<[string, RunResult, object]>([
  ['exit 0', exited, { outcome: 'succeeded', exitCode: 0 }],
  ['exit 1', { ...exited, exitCode: 1 }, { outcome: 'failed', exitCode: 1 }],
  ['S-4.5 our lock', { ...exited, exitCode: 75, busy: true }, { outcome: 'failed', notRun: 'busy' }],
  ['its own 75', { ...exited, exitCode: 75 }, { outcome: 'failed', exitCode: 75 }],
  [
    'its limit',
    { ...exited, exitCode: 124, timedOut: true },
    { outcome: 'failed', reason: 'x was ended by its time limit' },
  ],
  [
    'a signal',
    { ...exited, exitCode: null, signal: 'SIGKILL' },
    { outcome: 'failed', reason: 'x was killed by SIGKILL' },
  ],
  ['S-4.4 lost', { kind: 'lost', reason: 'cut', stdout: 'a', stderr: 'b' }, { outcome: 'unknown', output: 'a\nb' }],
  [
    'S-4.7 unreachable',
    { kind: 'notSent', cause: 'unreachable', reason: 'r' },
    { outcome: 'failed', notRun: 'unreachable' },
  ],
  ['S-4.7 authentication', { kind: 'notSent', cause: 'authentication', reason: 'r' }, { notRun: 'permission' }],
  ['S-4.7 host key', { kind: 'notSent', cause: 'hostKey', reason: 'r' }, { notRun: 'permission' }],
])('%s', (_name, run, wanted) => {
  const result = outcomeOf(run, 'x')
  expect(result).toMatchObject(wanted)
  if (!('notRun' in wanted)) expect(result).not.toHaveProperty('notRun')
})

test('what can never be a command has failed, and is not taken for a host that cannot be reached', () => {
  expect(outcomeOf({ kind: 'notSent', cause: 'invalid', reason: 'NUL' }, 'x')).not.toHaveProperty('notRun')
})

test.each([
  ['sudo: a password is required\n', true],
  ['sudo: a terminal is required to read the password; either use the -S option\nsudo: a password is required\n', true],
  ["Sorry, user healer is not allowed to execute '/usr/bin/systemctl start x' as root on kafka-1.\n", true],
  ['healer is not in the sudoers file.\n', true],
  ['Job for x.service failed.\n', false],
  ['the password is required\n', false],
])('sudo refuses with %j: %s', (stderr, refused) => {
  expect(isSudoRefusal({ exitCode: 1, stderr })).toBe(refused)
})
