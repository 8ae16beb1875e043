import type { Clock } from '../clock.ts'
import { printable } from './terminal.ts'

/** A line on a person's terminal that says what takes so long. Elsewhere it shows nothing. */
export interface Progress {
  /** What is being done now, e.g. `120,000 of 1,000,000 alerts`. Cheap: may be called for every single one. */
  say(what: string): void
  /** Takes the line away before something else is printed; it comes back with what is said next. */
  hide(): void
}

interface Screen {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

interface Surroundings {
  readonly clock: Clock
  readonly stream?: Screen
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** What is over within this time is not worth a line. Milliseconds. */
const PATIENCE_MS = 1_000
/** No eye follows more. Milliseconds. */
const REDRAW_MS = 100

const CLEAR_LINE = '\r\u001b[2K'

/** Does `work`; when it takes longer than a second, standard error shows what it says, and the seconds. The line is gone at the end. */
export async function withProgress<T>(
  what: string,
  work: (progress: Progress) => Promise<T>,
  { clock, stream = process.stderr, env = process.env }: Surroundings,
): Promise<T> {
  if (stream.isTTY !== true || env['TERM'] === 'dumb') return work({ say: () => undefined, hide: () => undefined })
  const begun = clock.monotonic()
  let now = what
  let drawnAt: number | null = null

  const draw = (): void => {
    const at = clock.monotonic()
    if (at - begun < PATIENCE_MS || (drawnAt !== null && at - drawnAt < REDRAW_MS)) return
    const line = `${now} (${Math.floor((at - begun) / 1_000)} s)`
    stream.write(CLEAR_LINE + printable(line).slice(0, (stream.columns ?? 80) - 1))
    drawnAt = at
  }
  const hide = (): void => {
    if (drawnAt !== null) stream.write(CLEAR_LINE)
    drawnAt = null
  }

  // Drawn by the timer while work waits, and by `say` while it computes and lets no timer run.
  const timer = setInterval(draw, PATIENCE_MS).unref()
  try {
    return await work({
      say: (text) => {
        now = text
        draw()
      },
      hide,
    })
  } finally {
    clearInterval(timer)
    hide()
  }
}
