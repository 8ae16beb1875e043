import { join } from 'node:path'
import { freePorts } from './ports.ts'
import { program } from './processes.ts'
import type { SmallUnit, StateFile } from './state.ts'
import { startUnits } from './user-manager.ts'

/** What a small unit does while it lives: nothing, or answer HTTP on its own port (a Node process, some 60 ms to start). */
export type SmallUnitKind = 'sleeps' | 'serves'

/**
 * Adds and starts `<name>.service` for each name, enabled like real ones. They are listed in the inventory as exporters. All
 * in one go: for each time it is asked, systemd reads all units that there are.
 */
export async function addSmallUnits(
  file: StateFile,
  names: readonly string[],
  kind: SmallUnitKind,
): Promise<readonly SmallUnit[]> {
  const free = await freePorts(names.length)
  const added = names.map((name, at): SmallUnit & { readonly text: string } => {
    const port = kind === 'serves' ? (free[at] ?? 0) : null
    return { name, unit: `${name}.service`, port, text: textOf(name, port) }
  })
  await startUnits(file.now, Object.fromEntries(added.map(({ unit, text }) => [unit, text])))
  const units = added.map(({ name, unit, port }) => ({ name, unit, port }))
  file.update({ smallUnits: [...file.now.smallUnits, ...units] })
  return units
}

function textOf(name: string, port: number | null): string {
  const argv =
    port === null
      ? [program('sleep', 'coreutils'), 'infinity']
      : [process.execPath, join(import.meta.dirname, 'small-unit.ts'), String(port)]
  // The start limit would refuse the sixth start within ten seconds.
  return `[Unit]
Description=Small unit ${name}
StartLimitIntervalSec=0
[Service]
Type=exec
ExecStart=${argv.join(' ')}
Restart=no`
}
