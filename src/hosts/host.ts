import type { Duplex } from 'node:stream'
import type { Instant } from '../clock.ts'
import type { Connection, HostPort, Target } from '../inventory/inventory.ts'

export interface RunOptions {
  /** The command's own time limit in milliseconds, enforced on the host by `timeout -k`, and locally a little later. */
  readonly limitMs: number
  /** Environment of the command, besides a minimal PATH and LANG. Nothing of ours leaks in. */
  readonly env?: Readonly<Record<string, string>>
  /** Taken on the host with `flock -n -E 75` around the command: at most one run per lock name (S-4.5). */
  readonly lock?: string
  /** Aborting stops waiting and, where it can be done, the command. */
  readonly signal?: AbortSignal
}

/**
 * How a command ended. `exited` is the only one with an exit code that means something; `notSent` promises that the
 * command never began; `lost` (connection gone, local deadline) means that nobody knows.
 */
export type RunResult =
  | {
      readonly kind: 'exited'
      readonly exitCode: number | null
      readonly signal: string | null
      /** The time limit ended it (exit 124, or killed after it). */
      readonly timedOut: boolean
      /** Our own lock is held by another run (exit 75): the command never began. */
      readonly busy?: boolean
      readonly stdout: string
      readonly stderr: string
    }
  | {
      readonly kind: 'notSent'
      readonly cause: 'unreachable' | 'authentication' | 'hostKey' | 'invalid'
      readonly reason: string
    }
  | { readonly kind: 'lost'; readonly reason: string; readonly stdout: string; readonly stderr: string }

/** A connection that a host made for us to something it can reach, or why there is none. */
export type Reached =
  | { readonly kind: 'open'; readonly stream: Duplex }
  /** The host is this machine: whoever asks may connect without it. */
  | { readonly kind: 'here' }
  /** The host was asked, and nobody listens there. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The host was asked, and its own connection was not accepted in time: the queue of whoever listens is full. */
  | { readonly kind: 'notAccepted'; readonly reason: string }
  /** The question could not be put: the host is away, or forbids it. */
  | { readonly kind: 'notOpened'; readonly reason: string }

/** A machine on which argv can be run. Never throws for what a host can do to us. */
export interface Host {
  /** For logs and mails: `local`, `ssh healer@kafka-1`. */
  readonly name: string
  run(argv: readonly string[], options: RunOptions): Promise<RunResult>
  /**
   * Connects from there, for questions that must be asked on the spot (S-5.4). Whoever gets a stream destroys it. `limitMs`
   * bounds the opening alone.
   */
  connect(address: HostPort, limitMs: number): Promise<Reached>
}

/** Hosts by target; connections are kept and shared, at most four commands at a time on one. */
export interface Hosts {
  hostOf(target: Target): Host
  /** For `doctor`: the host key that a machine shows, without trusting it. */
  hostKeyOf(connection: Connection, host: string): Promise<string | null>
  close(): Promise<void>
}

/** Kill grace after a limit, and what a caller adds before it may judge an unknown outcome (S-4.4). */
export const KILL_GRACE_MS = 5_000
export const UNKNOWN_MARGIN_MS = 10_000

/** When an unknown step has surely ended: `stepStartedAt + limit + kill grace + 10 s` (S-4.4). */
export function surelyOverAt(startedAt: Instant, limitMs: number): Instant {
  return startedAt + limitMs + KILL_GRACE_MS + UNKNOWN_MARGIN_MS
}
