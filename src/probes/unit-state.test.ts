import { describe, expect, test } from 'vitest'
import type { UnitSeen } from '../incident/unit.ts'
import type { CrashFacts, CrashState } from './unit-state.ts'
import { crashState, isUnitName } from './unit-state.ts'

const running: UnitSeen = {
  activeState: 'active',
  subState: 'running',
  loadState: 'loaded',
  unitFileState: 'enabled',
  result: 'success',
  execMainCode: '0',
  execMainStatus: 0,
  invocationId: '75e8a4776cb54aa7bfd814157ca341b7',
  nRestarts: 0,
  queuedJob: null,
  at: 0,
}
const failed = { ...running, activeState: 'failed', subState: 'failed' }
const inactive = { ...running, activeState: 'inactive', subState: 'dead' }
const untouched = { ...inactive, invocationId: '' }
const rebooted: CrashFacts = { bootedAt: 2_000, servingAt: 1_000 }
const notRebooted: CrashFacts = { bootedAt: 1_000, servingAt: 2_000 }

test.each<[string, UnitSeen, CrashState, CrashFacts?]>([
  ['active', running, 'running'],
  ['active, failed before', { ...running, result: 'exit-code', execMainStatus: 1 }, 'running'],
  ['active, although disabled', { ...running, unitFileState: 'disabled' }, 'running'],
  ['reloading', { ...running, activeState: 'reloading' }, 'running'],
  ['activating', { ...running, activeState: 'activating', subState: 'start' }, 'starting'],
  [
    'auto-restart',
    { ...running, activeState: 'activating', subState: 'auto-restart', result: 'signal' },
    'autoRestart',
  ],
  ['auto-restart-queued', { ...running, activeState: 'activating', subState: 'auto-restart-queued' }, 'autoRestart'],
  ['deactivating', { ...running, activeState: 'deactivating', subState: 'stop-sigterm' }, 'stopping'],

  ['kill -9', { ...failed, result: 'signal', execMainCode: '2', execMainStatus: 9 }, 'crashed'],
  ['core dump', { ...failed, result: 'core-dump', execMainCode: '3', execMainStatus: 6 }, 'crashed'],
  ['out of memory', { ...failed, result: 'oom-kill', execMainStatus: 9 }, 'crashed'],
  ['watchdog', { ...failed, result: 'watchdog' }, 'crashed'],
  ['start limit', { ...failed, result: 'start-limit-hit' }, 'crashed'],
  ['exit 1', { ...failed, result: 'exit-code', execMainCode: '1', execMainStatus: 1 }, 'crashed'],
  [
    'a static unit may crash too',
    { ...failed, unitFileState: 'static', result: 'signal', execMainCode: '2', execMainStatus: 9 },
    'crashed',
  ],

  ['exit 143: told to end', { ...failed, result: 'exit-code', execMainStatus: 143 }, 'stoppedOnPurpose'],
  ['exit 130: told to end', { ...failed, result: 'exit-code', execMainStatus: 130 }, 'stoppedOnPurpose'],
  ["a person's stop that ended in SIGKILL", { ...failed, result: 'timeout', execMainStatus: 9 }, 'stoppedOnPurpose'],
  ["a person's stop during ExecStartPre", { ...failed, result: 'signal' }, 'stoppedOnPurpose'],
  ['resources', { ...failed, result: 'resources' }, 'stoppedOnPurpose'],
  ['protocol', { ...failed, result: 'protocol' }, 'stoppedOnPurpose'],
  ['a condition kept it down', { ...inactive, result: 'exec-condition' }, 'stoppedOnPurpose'],
  ['a Result not known to us', { ...failed, result: 'new-in-systemd-300' }, 'stoppedOnPurpose'],
  [
    'crashed, then disabled',
    { ...failed, result: 'signal', execMainCode: '2', unitFileState: 'disabled' },
    'stoppedOnPurpose',
  ],
  ['crashed, then masked', { ...failed, result: 'signal', execMainCode: '2', loadState: 'masked' }, 'stoppedOnPurpose'],
  [
    'masked until reboot',
    { ...failed, result: 'signal', execMainCode: '2', unitFileState: 'masked-runtime' },
    'stoppedOnPurpose',
  ],
  ['clean stop', inactive, 'stoppedOnPurpose', rebooted],

  ['enabled, untouched since the reboot', untouched, 'neverStarted', rebooted],
  ['untouched, no reboot since it served', untouched, 'stoppedOnPurpose', notRebooted],
  ['untouched, never seen serving', untouched, 'stoppedOnPurpose', { bootedAt: 2_000, servingAt: null }],
  ['untouched, boot time not known', untouched, 'stoppedOnPurpose', { bootedAt: null, servingAt: 1_000 }],
  ['untouched, not enabled', { ...untouched, unitFileState: 'static' }, 'stoppedOnPurpose', rebooted],

  ['no such unit', { ...untouched, loadState: 'not-found', unitFileState: '' }, 'missing', rebooted],
  ['bad setting', { ...untouched, loadState: 'bad-setting' }, 'missing', rebooted],
])('S-2.5 %s', (_name, unit, state, facts = { bootedAt: null, servingAt: null }) => {
  expect(crashState(unit, facts)).toBe(state)
})

describe('a unit name', () => {
  test.each(['kafka.service', 'kafka@1.service', 'dev-disk-by\\x2dlabel.mount', 'a:b_c.service'])('%s', (name) => {
    expect(isUnitName(name)).toBe(true)
  })
  test.each([
    '',
    '-H evil',
    '--version',
    'a b.service',
    'a;b',
    '$(id).service',
    'a\nb',
    '../x',
    'a/b',
    'kafka*.service',
  ])('is not %j', (name) => {
    expect(isUnitName(name)).toBe(false)
  })
})
