import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Logger } from 'pino'
import type { Alert } from '../alert/alert.ts'
import type { Clock, Instant } from '../clock.ts'
import type { Login } from '../config.ts'
import type { Intake } from '../engine/intake.ts'
import type { ReconcileStatus } from '../engine/reconcile.ts'
import type { Plan } from '../incident/plan.ts'
import type { Revision } from '../rules/revision.ts'
import type { Store } from '../store/store.ts'
import type { Telemetry } from '../telemetry.ts'
import type { Matched } from './explain/explain.ts'

/** What the routes stand on. Functions that read the configuration are called anew each time, so that a reload shows. */
export interface HttpDeps {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly telemetry: Telemetry
  readonly intake: Intake
  /** Wakes the core after a write. */
  readonly wake: () => void
  /** Alerts are missing from a delivery (too large, or cut by Alertmanager): fetch them. */
  readonly onTruncated: () => void
  readonly reload: () => Promise<ReloadResult>
  readonly status: () => Status
  /** What a pause may name. */
  readonly known: () => KnownNames
  /** The plan of a rule as it is in force now; null when there is no such rule. */
  readonly planOf: (rule: string) => Plan | null
  /** What the rules in force make of an alert that came by a credential. */
  readonly match: (alert: Pick<Alert, 'labels' | 'fingerprint'>, credential: string | null) => Matched
  /** Empty: everybody may. */
  readonly webhookCredentials: readonly Login[]
  readonly apiCredentials: readonly Login[]
  /** PEM. Null: plain HTTP. */
  readonly tls: { readonly cert: string | Buffer; readonly key: string | Buffer } | null
  readonly bodyBytes: number
  readonly version: string
}

export type ReloadResult =
  /** Not `applied`: it is in force for what is new; what it takes away from open incidents waits for the store. */
  | {
      readonly ok: true
      readonly revision: Revision
      readonly applied: boolean
      /** Settings that are read at a start only, and were others then. */
      readonly atNextStart: readonly string[]
    }
  /** Each problem with `file:line:column` where it has one. The last good configuration stays in force. */
  | { readonly ok: false; readonly problems: readonly string[] }

export interface Status {
  readonly startedAt: Instant
  readonly configuration: {
    readonly loaded: boolean
    readonly revision: string | null
    readonly commit: string | null
    readonly dirty: boolean | null
    readonly differing: readonly string[]
    readonly hash: string | null
    readonly loadedAt: Instant | null
    /** Open incidents are held to it. */
    readonly applied: boolean
    /** Settings that are read at a start only, and were others then. */
    readonly atNextStart: readonly string[]
    /** Changed files are taken into force by themselves. */
    readonly watched: boolean
    readonly lastReloadSuccessful: boolean
    /** Why what lies there now is not in force. */
    readonly problems: readonly string[]
  }
  /** Null: no Alertmanager is configured, so lost alerts are never found. */
  readonly reconcile: ReconcileStatus | null
  readonly loops: readonly LoopStatus[]
}

/** One of the loops that turn rows into effects. */
export interface LoopStatus {
  readonly name: string
  readonly running: boolean
  readonly lastRunAt: Instant | null
  readonly lastError: string | null
}

export interface KnownNames {
  readonly clusters: readonly string[]
  readonly targets: readonly string[]
  readonly rules: readonly string[]
}

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>
