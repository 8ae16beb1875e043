import type { Instant } from '../clock.ts'
import type { Config } from '../config.ts'
import { type GatherDeps, gather, OUTBOX_DEFAULTS, type OutboxSettings } from '../engine/outbox.ts'
import type { Incident, TellKind } from '../incident/incident.ts'
import type { NoticeKind } from '../notify/notice.ts'
import type { Configuration } from '../rules/configuration.ts'
import type { EscalationRow, NewMail, NoticeRow, Store } from '../store/store.ts'
import type { SimulatedClock } from './clock.ts'

/** What people were told: a row of `escalations`, or a notice that belongs to no incident. */
export type Telling =
  | {
      readonly at: Instant
      readonly incident: number
      readonly rule: string
      readonly kind: TellKind
      readonly level: number
      readonly to: readonly string[]
      readonly reason: string
      readonly summary: string
      /** A storm's own mail tells of it: it gets none of its own (S-5.9). */
      readonly byStorm: boolean
    }
  | {
      readonly at: Instant
      readonly incident: null
      readonly rule: null
      readonly kind: NoticeKind
      readonly to: readonly string[]
      readonly summary: string
    }

/** A mail as it would leave. */
export interface SentMail extends Pick<NewMail, 'receiver' | 'recipient' | 'subject' | 'text'> {
  readonly at: Instant
}

export interface Told {
  readonly tellings: readonly Telling[]
  readonly mails: readonly SentMail[]
  /** Something has happened to this incident. */
  know(incident: Pick<Incident, 'id' | 'plan'>): void
  /** Makes mails of what is due, as the outbox does; they count as sent at once. */
  tell(signal: AbortSignal): Promise<void>
  /** Whether anything is due to be told. */
  isDue(): Promise<boolean>
}

export function openTellings(store: Store, clock: SimulatedClock, { config, noticesTo }: Configuration): Told {
  const tellings: Telling[] = []
  const mails: SentMail[] = []
  const rules = new Map<number, string>()
  const rows = new Map<number, EscalationRow>()
  const notices = new Map<number, NoticeRow>()
  const tellRow = (id: number, byStorm: boolean): void => {
    const row = rows.get(id)
    if (!row) return
    const { incident, kind, level, to, reason, summary } = row
    tellings.push({
      at: clock.now(),
      incident,
      rule: rules.get(incident) ?? '',
      kind,
      level,
      to,
      reason,
      summary,
      byStorm,
    })
  }
  const keep = (made: readonly NewMail[]): void => {
    for (const { receiver, recipient, subject, text } of made)
      mails.push({ at: clock.now(), receiver, recipient, subject, text })
  }
  const heard: GatherDeps['store'] = {
    inboxDepth: () => store.inboxDepth(),
    dueEscalationCount: (now) => store.dueEscalationCount(now),
    incidentView: (id) => store.incidentView(id),
    issueToken: (...token) => store.issueToken(...token),
    async dueEscalations(now, limit) {
      const due = await store.dueEscalations(now, limit)
      for (const row of due) rows.set(row.id, row)
      return due
    },
    async dueNotices(now, limit) {
      const due = await store.dueNotices(now, limit)
      for (const row of due) notices.set(row.id, row)
      return due
    },
    async toldByStorm(ids, storm, now) {
      await store.toldByStorm(ids, storm, now)
      for (const id of ids) tellRow(id, true)
    },
    async enqueueMails(ids, made, now) {
      await store.enqueueMails(ids, made, now)
      for (const id of ids) tellRow(id, false)
      keep(made)
    },
    async enqueueNotice(id, made, now) {
      await store.enqueueNotice(id, made, now)
      const notice = notices.get(id)
      const to = [...new Set(made.map(({ receiver }) => receiver))]
      if (notice)
        tellings.push({ at: now, incident: null, rule: null, kind: notice.kind, to, summary: notice.document.subject })
      keep(made)
    },
  }
  const settings = settingsOf(config, noticesTo)
  return {
    tellings,
    mails,
    know: ({ id, plan }) => rules.set(id, plan.rule),
    tell: async (signal) => {
      await gather({ store: heard, clock, signal, onMade: () => {} }, settings)
    },
    isDue: async () => {
      const now = clock.now()
      return (await store.dueNotices(now, 1)).length + (await store.dueEscalations(now, 1)).length > 0
    },
  }
}

/** Links are left out: their tokens are random. */
function settingsOf({ receivers, smtp }: Config, noticesTo: readonly string[]): OutboxSettings {
  const from = smtp?.from ?? 'kafka-healing@localhost'
  return { ...OUTBOX_DEFAULTS, receivers, noticesTo, revision: 'simulated', from, externalUrl: null }
}
