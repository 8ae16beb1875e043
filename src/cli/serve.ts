import { pino } from 'pino'
import { CannotStartError, startApp } from '../app.ts'
import { systemClock } from '../clock.ts'
import { BadConfigurationError } from '../in-force.ts'
import { SchemaTooNewError, StoreInUseError } from '../store/errors.ts'
import { configFile } from './config-file.ts'
import { listenAddress } from './listen.ts'

/** Runs the service until SIGTERM or SIGINT. SIGHUP reloads. */
export async function serve(options: { readonly config?: string; readonly listen?: string }): Promise<void> {
  const file = configFile(options.config)
  const log = pino({ level: process.env['LOG_LEVEL'] ?? 'info', base: null, timestamp: pino.stdTimeFunctions.isoTime })
  try {
    const listen = options.listen === undefined ? null : listenAddress(options.listen)
    const app = await startApp({ configFile: file, listen, clock: systemClock, log, env: process.env })
    log.info({ config: file, pid: process.pid }, `kafka-healing is listening on ${app.url}`)
    process.on('SIGHUP', () => {
      app.reload().catch((err: unknown) => log.error({ err }, 'reload broke off'))
    })
    let stopping = false
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      // `on`, not `once`: with no listener left, execa's own exit hook would raise the signal again and end us at once.
      process.on(signal, () => {
        if (stopping) return
        stopping = true
        void app.stop().then(() => process.exit(0))
      })
    }
  } catch (error) {
    if (!isMendable(error)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}

function isMendable(error: unknown): error is Error {
  return (
    error instanceof BadConfigurationError ||
    error instanceof CannotStartError ||
    error instanceof StoreInUseError ||
    error instanceof SchemaTooNewError
  )
}
