import type { OutboxStore } from '../../src/engine/outbox.ts'
import type {
  DueEscalation,
  EscalationRow,
  IncidentView,
  MailView,
  NewMail,
  NoticeRow,
  OutboxMail,
} from '../../src/store/store.ts'
import { viewOf } from './story.ts'

interface Kept extends OutboxMail {
  tries: number
  state: MailView['state']
  dueAt: number
  owner: string | null
  leaseUntil: number
  lastError: string | null
  readonly incidents: ReadonlySet<number>
}

/** The part of the store that tells people, in memory: for what the outbox decides, not for what a database keeps. */
export class MailStore implements OutboxStore {
  readonly rows: (DueEscalation & { told: number })[] = []
  readonly notices: (NoticeRow & { told: number })[] = []
  readonly mails: Kept[] = []
  readonly tokens: string[] = []
  /** What is thrown by the next units, one each. */
  readonly failures: Error[] = []
  view: (incident: number) => IncidentView | null = (id) => {
    const view = viewOf()
    return { ...view, incident: { ...view.incident, id } }
  }

  tell(row: EscalationRow, storm: number | null = null): void {
    this.rows.push({ ...row, storm, told: 0 })
  }

  notify(row: NoticeRow): void {
    this.notices.push({ ...row, told: 0 })
  }

  /** Changes of alerts that the core has not seen yet. */
  waiting = 0

  async inboxDepth(): Promise<number> {
    return this.waiting
  }

  async dueEscalations(now: number, limit: number): Promise<readonly DueEscalation[]> {
    this.#fail()
    return this.#due(now).slice(0, limit)
  }

  async dueEscalationCount(now: number): Promise<number> {
    this.#fail()
    return this.#due(now).length
  }

  #due(now: number): (typeof this.rows)[number][] {
    return this.rows.filter((row) => row.told === 0 && row.createdAt <= now)
  }

  async toldByStorm(escalations: readonly number[], _storm: number, now: number): Promise<void> {
    this.#fail()
    for (const row of this.rows) if (escalations.includes(row.id)) row.told = now
  }

  async dueNotices(now: number, limit: number): Promise<readonly NoticeRow[]> {
    return this.notices.filter((row) => row.told === 0 && row.createdAt <= now).slice(0, limit)
  }

  async enqueueNotice(notice: number, mails: readonly NewMail[], now: number): Promise<void> {
    this.#fail()
    const row = this.notices.find((one) => one.id === notice && one.told === 0)
    if (!row) return
    row.told = now
    await this.enqueueMails([], mails, now)
  }

  async enqueueMails(escalations: readonly number[], mails: readonly NewMail[], now: number): Promise<void> {
    this.#fail()
    const wanted = new Set(escalations)
    const told = this.rows.filter((row) => wanted.has(row.id) && row.told === 0)
    for (const row of told) row.told = now
    if (escalations.length > 0 && told.length === 0) return
    const incidents = new Set(told.map((row) => row.incident))
    for (const mail of mails) {
      if (this.mails.some((one) => one.messageId === mail.messageId && one.recipient === mail.recipient)) continue
      const kept = { tries: 0, state: 'queued', dueAt: now, owner: null, leaseUntil: 0, lastError: null } as const
      this.mails.push({ ...mail, ...kept, incidents, id: this.mails.length + 1, createdAt: now })
    }
  }

  async claimMails(owner: string, now: number, leaseMs: number, limit: number): Promise<readonly OutboxMail[]> {
    this.#fail()
    const waiting = new Set<string>()
    const claimable: Kept[] = []
    for (const mail of this.mails) {
      if (mail.state !== 'queued') continue
      const key = `${mail.thread}\n${mail.recipient}`
      const first = !waiting.has(key)
      waiting.add(key)
      if (first && mail.dueAt <= now && mail.leaseUntil <= now) claimable.push(mail)
    }
    const claimed = claimable.toSorted((a, b) => a.dueAt - b.dueAt).slice(0, limit)
    for (const mail of claimed) Object.assign(mail, { owner, leaseUntil: now + leaseMs })
    return claimed.map((mail) => ({ ...mail }))
  }

  async mailSent(id: number, owner: string): Promise<void> {
    this.#fail()
    this.#end(id, owner, { state: 'sent' })
  }

  async mailDeferred(id: number, owner: string, error: string, dueAt: number): Promise<void> {
    this.#fail()
    const mail = this.mails[id - 1]
    this.#end(id, owner, { lastError: error, dueAt, leaseUntil: 0, tries: (mail?.tries ?? 0) + 1 })
  }

  async mailFailed(id: number, owner: string, error: string): Promise<void> {
    this.#fail()
    this.#end(id, owner, { state: 'failed', lastError: error })
  }

  async renewMails(): Promise<void> {
    this.#fail()
  }

  async releaseMails(owner: string): Promise<number> {
    for (const mail of this.mails) if (mail.owner !== owner) mail.leaseUntil = 0
    return 0
  }

  async incidentView(id: number): Promise<IncidentView | null> {
    this.#fail()
    const view = this.view(id)
    const mails = this.mails
      .filter((mail) => mail.incidents.has(id))
      .map((mail): MailView => ({ ...mail, sentAt: null }))
    return (
      view && {
        ...view,
        mails,
        escalations: this.rows.filter((row) => row.incident === id).map((row) => ({ ...row, toldAt: row.told })),
      }
    )
  }

  async issueToken(incident: number, action: string): Promise<string> {
    const token = `${incident}-${action}-${this.tokens.length}`
    this.tokens.push(token)
    return token
  }

  #fail(): void {
    const failure = this.failures.shift()
    if (failure) throw failure
  }

  #end(id: number, owner: string, change: Partial<Kept>): void {
    const mail = this.mails[id - 1]
    if (!mail || mail.owner !== owner) throw new Error(`mail ${id} is not leased by ${owner}`)
    Object.assign(mail, change)
  }
}
