import type { Clock } from '../../clock.ts'

export type Status = 'ok' | 'warning' | 'failed'

/** One line of the report. */
export interface Finding {
  /** What was looked at: `configuration`, `ssh healer@kafka-1`, `cluster orders` … Findings on one thing stand together. */
  readonly on: string
  readonly check: string
  readonly status: Status
  /** What was seen, as a sentence. */
  readonly seen: string
  /** What to do about it; null where nothing is to be done. */
  readonly todo: string | null
}

/** A finding before it is said where it belongs. */
export type Outcome = Omit<Finding, 'on' | 'check'>

/** How long one check may take, in milliseconds: a person waits for it. */
const CHECK_DEADLINE_MS = 10_000

export const ok = (seen: string): Outcome => ({ status: 'ok', seen, todo: null })
export const warning = (seen: string, todo: string): Outcome => ({ status: 'warning', seen, todo })
export const failed = (seen: string, todo: string): Outcome => ({ status: 'failed', seen, todo })

/** Thrown by a check that could not be made, with what to do about it. */
export class CheckError extends Error {
  override name = 'CheckError'
  readonly todo: string
  constructor(message: string, todo: string) {
    super(message)
    this.todo = todo
  }
}

/** Runs one check under its deadline. What it throws, and no answer in time, is a failed finding; it never rejects. */
export async function examine(
  on: string,
  check: string,
  clock: Clock,
  work: (signal: AbortSignal) => Promise<Outcome | readonly Outcome[]>,
  deadlineMs: number = CHECK_DEADLINE_MS,
): Promise<readonly Finding[]> {
  const late = new AbortController()
  const done = new AbortController()
  const deadline = clock.sleep(deadlineMs, done.signal).then((): Outcome => {
    late.abort()
    return failed(
      `no answer within ${deadlineMs / 1000} s`,
      'look whether a firewall drops packets, or the other side hangs',
    )
  })
  let outcomes: Outcome | readonly Outcome[]
  try {
    outcomes = await Promise.race([work(late.signal), deadline])
  } catch (error) {
    const todo = error instanceof CheckError ? error.todo : 'the message says what stood in the way'
    outcomes = failed(error instanceof Error ? error.message : String(error), todo)
  } finally {
    done.abort()
  }
  return (isList(outcomes) ? outcomes : [outcomes]).map((outcome) => ({ on, check, ...outcome }))
}

function isList(outcomes: Outcome | readonly Outcome[]): outcomes is readonly Outcome[] {
  return Array.isArray(outcomes)
}
