import type { Instant } from '../clock.ts'

/** A unit's state as systemd shows it; read by src/probes/unit-state.ts. */
export interface UnitSeen {
  readonly activeState: string
  readonly subState: string
  readonly loadState: string
  readonly unitFileState: string
  readonly result: string
  readonly execMainCode: string
  readonly execMainStatus: number
  readonly invocationId: string
  readonly nRestarts: number
  readonly queuedJob: string | null
  readonly at: Instant
}
