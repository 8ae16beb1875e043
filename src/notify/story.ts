import type { Alert } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import type { Incident, Reason, TellKind, TimerKind } from '../incident/incident.ts'
import type { GuardResult, ProbeResult, StepResult } from '../incident/verdict.ts'

/** What a mail is made of: the part of an incident's trace that a person needs. The store's view of an incident is one. */
export interface Story {
  readonly incident: Incident
  readonly alerts: readonly (Alert & { readonly seenAt: Instant; readonly firstSeenAt: Instant })[]
  readonly attempts: readonly Attempted[]
  readonly decisions: readonly Decided[]
  readonly timers: readonly { readonly kind: TimerKind; readonly dueAt: Instant }[]
}

export interface Attempted {
  readonly attempt: number
  /** Which revision decided it. */
  readonly revision: string
  readonly rung: number
  readonly status: string
  readonly reason: string
  readonly byPerson: boolean
  readonly scheduledAt: Instant
  readonly startedAt: Instant | null
  readonly finishedAt: Instant | null
  readonly steps: readonly {
    readonly key: string
    readonly type: string
    readonly params: Readonly<Record<string, unknown>>
    readonly startedAt: Instant
    readonly finishedAt: Instant | null
    readonly result: StepResult | null
  }[]
}

export interface Decided {
  readonly kind: 'guards' | 'claim' | 'step' | 'probe'
  readonly verdict: string
  readonly guard: string | null
  readonly reason: string
  readonly results: readonly (GuardResult | ProbeResult)[]
  readonly firstAt: Instant
  readonly lastAt: Instant
  readonly count: number
}

/** A row of `escalations`: somebody is to be told something. */
export interface Telling {
  readonly id: number
  readonly incident: number
  readonly round: number
  readonly kind: TellKind
  readonly level: number
  readonly reason: Reason
  readonly summary: string
  /** Which revision decided it. */
  readonly revision: string
  readonly createdAt: Instant
}

/** One-time links; each absent where it would make no sense, all absent without an external URL. */
export interface Links {
  readonly approve?: string
  readonly takeOver?: string
  readonly retry?: string
  readonly silence?: string
  /** The incident's own page. */
  readonly incident?: string
}
