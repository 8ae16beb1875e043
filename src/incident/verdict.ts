import type { Instant } from '../clock.ts'

/** One observed value with where and when it was seen (S-5.1). */
export interface Evidence {
  readonly name: string
  readonly value: string | number | boolean | null
  /** Where it is compared: what it must be, or in words what it must satisfy (`at least 2`, `below 4`). */
  readonly wanted?: string | number | boolean
  readonly source: string
  readonly at: Instant
}

export type Params = Readonly<Record<string, unknown>>

export type GuardVerdict = 'pass' | 'hold' | 'refuse' | 'unknown'

/** What a guard decided and why. Stored as it is, shown in `/incidents/:id`, quoted in mails. */
export interface GuardResult {
  readonly guard: string
  readonly verdict: GuardVerdict
  /** A sentence for a person: what was seen, what was wanted. */
  readonly reason: string
  readonly evidence: readonly Evidence[]
  /** What the runbook asks of it; absent where it asks for nothing. */
  readonly params?: Params
  /** `hold` only: quiet holds (silence, maintenance, pause) stop every clock, told ones do not (S-5.2). */
  readonly quiet?: boolean
  /** `hold` only: when it ends by itself, where that is known. */
  readonly until?: Instant
  /**
   * Why waiting cannot help, so that a person is told at once (S-6.2): the incident goes to `escalated` with this cause.
   * `unreachable` escalates only after it lasted two minutes (S-4.7).
   */
  readonly escalate?: 'identity' | 'permission' | 'unreachable' | 'humanChanged'
  /** `refuse` or `hold` only: a person may approve it (S-2.5, S-5.6, S-5.12); with the approval it counts as passed. */
  readonly approvable?: true
  /** Some partition is offline or under its min.insync.replicas: people are told within 2 min (S-6.1). */
  readonly urgent?: true
  /** `still-firing` says no: the alert is gone, so the question goes to the probes (S-1.3, S-1.5). */
  readonly gone?: boolean
}

export type ProbeVerdict = 'healed' | 'broken' | 'progressing' | 'unknown'

/** What a probe saw. */
export interface ProbeResult {
  readonly probe: string
  readonly verdict: ProbeVerdict
  readonly reason: string
  readonly evidence: readonly Evidence[]
  readonly params?: Params
  /** How long it may stay unhealed without progress, in milliseconds (S-4.9); absent where no verification asked. */
  readonly withinMs?: number
  /** Progressing only: changes when progress was made (e.g. the number of replicas still missing). */
  readonly mark?: string
  /** Progressing only: the process has never been seen serving since it began (S-2.6). */
  readonly starting?: boolean
  /** The process answers, whatever else is still missing. */
  readonly serves?: boolean
  /** Broken only: it cannot heal by itself (the process is gone and nothing will start it), so waiting for `within` is pointless. */
  readonly conclusive?: boolean
}

export type StepOutcome = 'succeeded' | 'failed' | 'unknown'

/** How a step ended. */
export interface StepResult {
  readonly outcome: StepOutcome
  readonly reason: string
  readonly exitCode: number | null
  /** Head and tail, capped and redacted; empty where nothing was printed. */
  readonly output: string
  /**
   * Nothing was run, so no attempt is spent: `unreachable` (connection failed before the command was sent), `permission`
   * (authentication, host key or sudo refused: escalates at once), `busy` (exit 75: another run holds the unit).
   */
  readonly notRun?: 'unreachable' | 'permission' | 'busy'
}
