import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'

/** The loops that run, for `/status` and for the end. One that breaks off is a defect: it is logged and shown. */
export class Loops {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #all = new Map<
    string,
    { running: boolean; lastRunAt: number; lastError: string | null; done: Promise<void> }
  >()

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock
    this.#log = log
  }

  run(name: string, work: Promise<void>): void {
    const loop = {
      running: true,
      lastRunAt: this.#clock.now(),
      lastError: null as string | null,
      done: Promise.resolve(),
    }
    loop.done = work
      .catch((err: unknown) => {
        loop.lastError = err instanceof Error ? err.message : String(err)
        this.#log.fatal({ err, loop: name }, 'a loop broke off')
      })
      .finally(() => {
        loop.running = false
        loop.lastRunAt = this.#clock.now()
      })
    this.#all.set(name, loop)
  }

  status(): readonly { name: string; running: boolean; lastRunAt: number; lastError: string | null }[] {
    return [...this.#all].map(([name, { running, lastRunAt, lastError }]) => ({ name, running, lastRunAt, lastError }))
  }

  async ended(): Promise<void> {
    await Promise.all([...this.#all.values()].map((loop) => loop.done))
  }
}
