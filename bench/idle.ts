import { systemClock } from '../src/clock.ts'
import { freePorts } from '../test/lab/ports.ts'
import { waitFor } from '../test/lab/wait.ts'
import { shippedRules } from '../test/support/rules.ts'
import { startService } from '../test/support/service.ts'
import { makeHome, residentMiB } from './home.ts'
import { against, type Row } from './row.ts'
import { median } from './sample.ts'

const ROUNDS = 5
const IDLE_MS = 5_000

/** How soon it is ready, and what it takes up when nothing happens. */
export async function run(): Promise<readonly Row[]> {
  const ready: number[] = []
  const resident: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const home = makeHome({ exporters: ['exporter-1'], rules: shippedRules() })
    const [port = 0] = await freePorts(1)
    const began = systemClock.monotonic()
    const starting = startService({ config: home.config, listen: `127.0.0.1:${port}` })
    await waitFor('/-/ready', () => fetch(`http://127.0.0.1:${port}/-/ready`).then(({ ok }) => ok), 30_000, 5)
    ready.push(systemClock.monotonic() - began)
    const service = await starting
    // Waiting for calm once is enough: memory differs little between starts.
    if (round === ROUNDS - 1) {
      await systemClock.sleep(IDLE_MS)
      resident.push(residentMiB(service.pid).now)
    }
    await service.stop()
    home.remove()
  }
  return [
    against(
      {
        name: 'ready after the start',
        figure: median(ready) / 1_000,
        unit: 's',
        how: `from spawning node to 200 of /-/ready, asked every 5 ms; shipped rules, empty database; median of ${ROUNDS}`,
      },
      '<',
      1,
    ),
    against(
      {
        name: 'idle memory',
        figure: median(resident),
        unit: 'MiB',
        how: `VmRSS ${IDLE_MS / 1_000} s after a start, shipped rules, nothing to do`,
      },
      '<',
      160,
    ),
  ]
}
