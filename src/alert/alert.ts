import type { Instant } from '../clock.ts'

/** Label names to values. Untrusted: nothing in here may become a command, a path, a header or a target of its own. */
export type Labels = Readonly<Record<string, string>>

export type AlertStatus = 'firing' | 'resolved'

/** One alert as Alertmanager states it in a delivery. Strings are already escaped for storage (NUL, lone surrogates). */
export interface Alert {
  /** 16 hexadecimal digits, FNV-1a over the labels (see fingerprint.ts). */
  readonly fingerprint: string
  readonly status: AlertStatus
  readonly labels: Labels
  readonly annotations: Labels
  /** Cut to whole milliseconds; Alertmanager sends up to nanoseconds. */
  readonly startsAt: Instant
  /** Null while firing (Alertmanager sends year 1). */
  readonly endsAt: Instant | null
  readonly generatorURL: string
}

/** An alert that began at a time: what an incident holds a set of (S-1.1). */
export interface Occurrence {
  readonly fingerprint: string
  readonly startsAt: Instant
}

/** One webhook delivery, parsed. */
export interface Delivery {
  readonly receiver: string
  readonly groupKey: string
  readonly status: AlertStatus
  readonly externalURL: string
  /** How many alerts Alertmanager cut off (`max_alerts`). */
  readonly truncatedAlerts: number
  readonly alerts: readonly Alert[]
}
