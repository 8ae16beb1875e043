import type { z } from 'zod'
import type { Clock, Instant } from '../clock.ts'
import type { Host } from '../hosts/host.ts'
import type { ProbeResult } from '../incident/verdict.ts'
import type { Cluster, Target, TargetKind } from '../inventory/inventory.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import type { Baseline, ClusterView } from '../kafka/view.ts'

/** What we remember of a target from probes, webhooks and views (S-2.5, S-2.6). */
export interface Memory {
  /** Last time the target was seen serving, and the last unit invocation that was; they need not be of one look. */
  readonly servingAt: Instant | null
  readonly servingInvocation: string | null
  /** The last unit invocations that attempts of ours caused on the target, newest first, over all incidents (S-5.12). */
  readonly ourInvocations: readonly string[]
  /** Since when every view of the last minutes has found it fenced or out of the live ISR of a partition; null when not. */
  readonly outOfSyncSince: Instant | null
  /** The last view that found it in sync everywhere; null when none did. */
  readonly inSyncAt: Instant | null
  /** The last complete view of its cluster (S-5.5); null when there is none. */
  readonly baseline: Baseline | null
}

/** Of a target that nobody has seen yet. */
export const NO_MEMORY: Memory = {
  servingAt: null,
  servingInvocation: null,
  ourInvocations: [],
  outOfSyncSince: null,
  inSyncAt: null,
  baseline: null,
}

/** Prometheus and Alertmanager as this instance is configured to reach them. */
export interface Monitoring {
  /** Instant query; null when Prometheus is not configured. Throws when it cannot be asked. */
  prometheus: ((query: string) => Promise<readonly PromSample[]>) | null
  /** The Alertmanagers' view of alerts that match all of `labels`; null when none is configured. Throws when it cannot be asked. */
  alertmanager: ((labels: Readonly<Record<string, string>>) => Promise<readonly SeenAlert[]>) | null
}

export interface PromSample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface SeenAlert {
  readonly fingerprint: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly receivers: readonly string[]
  readonly state: 'unprocessed' | 'active' | 'suppressed'
  readonly startsAt: Instant
  readonly endsAt: Instant
  readonly updatedAt: Instant
}

/** What one look at the world may use; made anew for each, since what it read is kept with it. Read-only by contract. */
export interface LookContext {
  readonly target: Target
  readonly cluster: Cluster
  readonly host: Host
  readonly local: Host
  readonly kafka: KafkaClients
  /** The cluster as a whole, looked at once per look however many ask. */
  view(): Promise<ClusterView>
  readonly monitoring: Monitoring
  readonly memory: Memory
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** A read-only look that answers healed, broken, progressing or unknown. One file, one line in index.ts. */
export interface Probe<S extends z.ZodType = z.ZodType> {
  readonly type: string
  readonly summary: string
  readonly params: S
  readonly targets: readonly TargetKind[]
  look(params: z.infer<S>, context: LookContext): Promise<ProbeResult>
}

export function defineProbe<S extends z.ZodType>(probe: Probe<S>): Probe<S> {
  return probe
}
