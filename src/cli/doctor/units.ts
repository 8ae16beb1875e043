import type { Clock } from '../../clock.ts'
import type { Host } from '../../hosts/host.ts'
import type { Target } from '../../inventory/inventory.ts'
import { showUnit } from '../../probes/unit-state.ts'
import { examine, type Finding, failed, type Outcome, ok, warning } from './finding.ts'

const PROPERTIES = [
  'LoadState',
  'UnitFileState',
  'ActiveState',
  'SubState',
  'Result',
  'TimeoutStartUSec',
  'TimeoutStopUSec',
] as const
type Shown = Readonly<Record<(typeof PROPERTIES)[number], string>>

/** The unit as its manager shows it: there, enabled, up, and with time-outs that end. */
export function examineUnit(on: string, host: Host, target: Target, clock: Clock): Promise<readonly Finding[]> {
  const { name, manager } = target.unit
  return examine(on, `unit ${name}`, clock, async (signal) => {
    const shown = await showUnit(host, target.unit, PROPERTIES, signal)
    if ('problem' in shown) {
      const user =
        '`loginctl enable-linger` for this account, and XDG_RUNTIME_DIR in its sessions, let its own manager be reached'
      return failed(shown.problem, manager === 'user' ? user : 'systemctl must work there for this account')
    }
    if (shown.LoadState === 'not-found') {
      return failed(
        `${target.key} has no unit ${name} under the ${manager} manager`,
        `look at \`unit\` of ${target.key} in the inventory; \`systemctl list-units --type=service\` there shows what there is`,
      )
    }
    return [state(shown, name), ...timeouts(shown, name)]
  })
}

function state(shown: Shown, name: string): Outcome {
  const { LoadState, UnitFileState, ActiveState, SubState, Result } = shown
  const seen = `${ActiveState} (${SubState}), ${UnitFileState}`
  if (LoadState === 'masked' || UnitFileState.startsWith('masked')) {
    return warning(
      `${seen}: masked`,
      'a masked unit counts as stopped on purpose and is never started; unmask it when that is over',
    )
  }
  if (LoadState !== 'loaded')
    return failed(`${seen}: ${LoadState}`, `\`systemctl status ${name}\` there says what is wrong with its file`)
  if (UnitFileState === 'disabled') {
    return warning(
      seen,
      `a disabled unit counts as stopped on purpose and is never started; \`systemctl enable ${name}\``,
    )
  }
  if (ActiveState === 'active' || ActiveState === 'reloading' || ActiveState === 'activating') return ok(seen)
  return warning(`${seen}, Result=${Result}`, 'it is down now')
}

/** S-4.6: a step waits as long as the unit's own time-outs, and `infinity` must end somewhere. */
function timeouts({ TimeoutStartUSec, TimeoutStopUSec }: Shown, name: string): readonly Outcome[] {
  const endless = [
    ...(TimeoutStartUSec === 'infinity' ? ['TimeoutStartSec'] : []),
    ...(TimeoutStopUSec === 'infinity' ? ['TimeoutStopSec'] : []),
  ]
  return endless.map((setting) =>
    warning(
      `${setting} of ${name} is infinity, which counts as 15 min`,
      `set ${setting} to the longest time that you would wait`,
    ),
  )
}
