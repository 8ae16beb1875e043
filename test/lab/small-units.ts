import { join } from 'node:path'
import { freePorts } from './ports.ts'
import { program } from './processes.ts'
import type { SmallUnit, StateFile } from './state.ts'
import { startUnits } from './user-manager.ts'

/** What a small unit does while it lives: nothing, or answer HTTP on its own port (a Node process, some 60 ms to start). */
export type SmallUnitKind = 'sleeps' | 'serves'

/** Adds and starts `<name>.service`, enabled like a real one. It is listed in the inventory as an exporter. */
export async function addSmallUnit(file: StateFile, name: string, kind: SmallUnitKind): Promise<SmallUnit> {
  const [free = 0] = await freePorts(1)
  const port = kind === 'serves' ? free : null
  const unit: SmallUnit = { name, unit: `${name}.service`, port }
  const serve = [process.execPath, join(import.meta.dirname, 'small-unit.ts'), String(free)]
  const argv = kind === 'serves' ? serve : [program('sleep', 'coreutils'), 'infinity']
  // The start limit would refuse the sixth start within ten seconds.
  const text = `[Unit]
Description=Small unit ${name}
StartLimitIntervalSec=0
[Service]
Type=exec
ExecStart=${argv.join(' ')}
Restart=no`
  await startUnits(file.now, { [unit.unit]: text })
  file.update({ smallUnits: [...file.now.smallUnits, unit] })
  return unit
}
