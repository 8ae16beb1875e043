import type { Instant } from '../clock.ts'
import type { RunResult } from '../hosts/host.ts'
import type { Stepping } from './host-steps.ts'
import type { TargetModel } from './model.ts'
import { exited } from './ran.ts'
import { isUp, pidOf, type Unit } from './unit.ts'

/** A boot's last unit is up so long after the kernel. Milliseconds. */
const BOOT_MS = 30_000

/** `systemctl show <unit> --property=…`. */
export async function showUnit(
  one: TargetModel | undefined,
  name: string,
  words: readonly string[],
  deps: Stepping,
): Promise<RunResult> {
  const wanted = wantedIn(words)
  // Only the first look of `gather` asks for this.
  if (one && wanted.includes('TasksCurrent')) {
    const told = await deps.begin(one.target.key, 'gather')
    if (told !== null) return told
  }
  const transient = deps.transients.get(name)
  const shown = one && one.unit.loadState !== 'not-found' ? propertiesOf(one.unit) : (transient ?? NOT_FOUND)
  return print(wanted, shown)
}

/** `systemctl show --property=FinishTimestamp`: when the boot was over. */
export function showManager(one: TargetModel | undefined, words: readonly string[]): RunResult {
  const finished = one === undefined ? null : one.machine.bootedAt + BOOT_MS
  return print(wantedIn(words), { FinishTimestamp: timestamp(finished), Version: '252' })
}

function wantedIn(words: readonly string[]): readonly string[] {
  const list = words.find((word) => word.startsWith('--property='))
  return list?.slice('--property='.length).split(',') ?? []
}

function print(wanted: readonly string[], shown: Readonly<Record<string, string>>): RunResult {
  return exited(wanted.map((name) => `${name}=${shown[name] ?? ''}\n`).join(''))
}

/** What systemd shows of a unit that it has not loaded. */
const NOT_FOUND: Readonly<Record<string, string>> = {
  LoadState: 'not-found',
  ActiveState: 'inactive',
  SubState: 'dead',
  Result: 'success',
  ExecMainCode: '0',
  ExecMainStatus: '0',
  NRestarts: '0',
  MainPID: '0',
}

function propertiesOf(unit: Unit): Readonly<Record<string, string>> {
  return {
    Type: 'exec',
    LoadState: unit.loadState,
    ActiveState: unit.activeState,
    SubState: unit.subState,
    UnitFileState: unit.unitFileState,
    Result: unit.result,
    ExecMainCode: unit.code,
    ExecMainStatus: String(unit.status),
    InvocationID: unit.invocation,
    NRestarts: String(unit.restarts),
    Job: unit.job ? '4711' : '',
    MainPID: isUp(unit) ? String(pidOf(unit)) : '0',
    ExecMainStartTimestamp: timestamp(unit.processAt),
    InactiveExitTimestamp: timestamp(unit.beganAt),
    InactiveEnterTimestamp: timestamp(unit.endedAt),
    ActiveEnterTimestamp: timestamp(unit.processAt),
    TimeoutStartUSec: '1min 30s',
    TimeoutStopUSec: '1min 30s',
    TasksCurrent: '92',
    MemoryCurrent: '1073741824',
    LimitNOFILE: '524288',
  }
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const

/** As systemctl prints a time: `Sat 2026-11-21 14:38:00 UTC`. */
function timestamp(at: Instant | null): string {
  if (at === null) return ''
  const date = new Date(at)
  const text = date.toISOString()
  return `${DAYS[date.getUTCDay()]} ${text.slice(0, 10)} ${text.slice(11, 19)} UTC`
}
