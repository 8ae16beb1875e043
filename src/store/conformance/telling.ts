import { describe, expect, test } from 'vitest'
import type { NewMail, Store } from '../store.ts'
import { alert, broker, fire, HOUR, MINUTE, pass, passGuards, plan, T0 } from './fixtures.ts'

export function tellingConformance(fresh: () => Promise<Store>): void {
  const opening = { plan: plan(), subject: broker(1) }
  const mail = (n: number, over: Partial<NewMail> = {}): NewMail => ({
    receiver: 'kafka-oncall',
    recipient: 'ops@example.net',
    thread: 'incident-1',
    messageId: `<${n}@kafka-healing>`,
    references: ['<0@kafka-healing>'],
    subject: `mail ${n}`,
    text: 'text',
    html: null,
    ...over,
  })

  async function escalated(store: Store, broker_ = 1): Promise<number> {
    const labels = { broker: String(broker_) }
    const { incident } = await fire(store, alert('A', { labels }), { ...opening, subject: broker(broker_) }, T0)
    await store.apply(incident.id, { type: 'guardsEvaluated', look: 0, decision: pass, history, unit: null }, T0)
    await store.apply(incident.id, { type: 'timerDue', timer: 'giveUp' }, T0 + HOUR)
    return incident.id
  }
  const history = { attempts: 0, heals: 0, suspended: false }

  describe('telling', () => {
    test('S-6.3 an escalation is one row until a mail is made of it', async () => {
      const store = await fresh()
      const id = await escalated(store)
      expect(await store.dueEscalations(T0, 10)).toEqual([])
      const due = await store.dueEscalations(T0 + HOUR, 10)
      expect(due).toMatchObject([
        {
          incident: id,
          round: 1,
          kind: 'escalated',
          level: 0,
          to: ['kafka-oncall'],
          reason: 'giveUp',
          createdAt: T0 + HOUR,
        },
      ])
      await store.enqueueMails([due[0]?.id ?? 0], [mail(1)], T0 + HOUR)
      expect(await store.dueEscalations(T0 + HOUR, 10)).toEqual([])
      const view = await store.incidentView(id)
      expect(view?.escalations).toMatchObject([{ toldAt: T0 + HOUR }])
      expect(view?.mails).toMatchObject([{ messageId: '<1@kafka-healing>', state: 'queued', tries: 0 }])
    })

    test('S-6.3 a row that was told already makes no second mail', async () => {
      const store = await fresh()
      await escalated(store)
      const ids = (await store.dueEscalations(T0 + HOUR, 10)).map(({ id }) => id)
      await store.enqueueMails(ids, [mail(1)], T0 + HOUR)
      await store.enqueueMails(ids, [mail(2)], T0 + HOUR)
      expect(await store.claimMails('me', T0 + HOUR, MINUTE, 10)).toHaveLength(1)
    })

    test('S-6.3 of rows of which one was told already no mail is made, and the others stay due', async () => {
      const store = await fresh()
      for (const n of [1, 2]) await escalated(store, n)
      const [first = 0, second = 0] = (await store.dueEscalations(T0 + HOUR, 10)).map(({ id }) => id)
      await store.enqueueMails([first], [mail(1)], T0 + HOUR)
      await store.enqueueMails([first, second], [mail(2)], T0 + HOUR)
      expect((await store.dueEscalations(T0 + HOUR, 10)).map(({ id }) => id)).toEqual([second])
      expect(await store.claimMails('me', T0 + HOUR, MINUTE, 10)).toMatchObject([{ subject: 'mail 1' }])
    })

    test('S-6.3 one row per incident, round, kind and level: what was told is not due again', async () => {
      const store = await fresh()
      const id = await escalated(store)
      for (let minute = 1; minute <= 3; minute++) {
        const now = T0 + HOUR + minute * MINUTE
        await store.apply(id, { type: 'timerDue', timer: 'guard' }, now)
        await passGuards(store, now)
        const due = await store.dueEscalations(now, 10)
        expect(due.map(({ kind, level }) => [kind, level])).toEqual(
          minute > 1
            ? []
            : [
                ['escalated', 0],
                ['told', 10],
              ],
        )
        await store.enqueueMails(
          due.map(({ id }) => id),
          [],
          now,
        )
      }
    })

    test('S-6.3 the same Message-ID goes to a recipient once, to each recipient', async () => {
      const store = await fresh()
      await store.enqueueMails([], [mail(1), mail(1), mail(1, { recipient: 'boss@example.net' })], T0)
      expect(await store.claimMails('me', T0, MINUTE, 10)).toHaveLength(2)
    })

    test('due rows come oldest first, as many as asked for', async () => {
      const store = await fresh()
      for (const n of [1, 2, 3]) await escalated(store, n)
      const due = await store.dueEscalations(T0 + HOUR, 2)
      expect(due.map(({ incident }) => incident)).toEqual([1, 2])
    })

    test('due rows are counted until they are told', async () => {
      const store = await fresh()
      for (const n of [1, 2, 3]) await escalated(store, n)
      expect(await store.dueEscalationCount(T0)).toBe(0)
      const [first] = await store.dueEscalations(T0 + HOUR, 10)
      expect(await store.dueEscalationCount(T0 + HOUR)).toBe(3)
      await store.enqueueMails([first?.id ?? 0], [mail(1)], T0 + HOUR)
      expect(await store.dueEscalationCount(T0 + HOUR)).toBe(2)
    })
  })

  describe('outbox', () => {
    test('mails of one thread and recipient leave in order, others do not wait for them', async () => {
      const store = await fresh()
      const elsewhere = [mail(3, { recipient: 'b@example.net' }), mail(4, { thread: 'incident-2' })]
      await store.enqueueMails([], [mail(1), mail(2), ...elsewhere], T0)
      const names = async (now: number) => (await store.claimMails('me', now, MINUTE, 10)).map(({ subject }) => subject)
      expect(await names(T0)).toEqual(['mail 1', 'mail 3', 'mail 4'])
      expect(await names(T0)).toEqual([])
      await store.mailDeferred(1, 'me', '451 later', T0 + MINUTE, T0)
      expect(await names(T0 + 1)).toEqual([])
      const again = await store.claimMails('me', T0 + MINUTE, MINUTE, 10)
      expect(again.find(({ subject }) => subject === 'mail 1')).toMatchObject({
        tries: 1,
        lastError: '451 later',
        references: ['<0@kafka-healing>'],
      })
      await store.mailSent(1, 'me', '250 ok', T0 + MINUTE)
      expect(await names(T0 + MINUTE)).toContain('mail 2')
    })

    test('a mail that is given up on is counted and lets the next one pass', async () => {
      const store = await fresh()
      await store.enqueueMails([], [mail(1), mail(2)], T0)
      const [first] = await store.claimMails('me', T0, MINUTE, 1)
      await store.mailFailed(first?.id ?? 0, 'me', '550 no such user', T0)
      expect(await store.claimMails('me', T0, MINUTE, 10)).toMatchObject([{ subject: 'mail 2' }])
      expect(await store.gauges(T0 + MINUTE)).toMatchObject({ failedMails: 1, outboxDepth: 1, outboxOldestMs: MINUTE })
    })

    test('only the owner of the lease says what became of a mail', async () => {
      const store = await fresh()
      await store.enqueueMails([], [mail(1)], T0)
      await store.claimMails('dead', T0, 0, 10)
      expect(await store.releaseMails('me', T0)).toBe(1)
      await store.mailSent(1, 'dead', '250 ok', T0)
      expect(await store.claimMails('me', T0, MINUTE, 10)).toHaveLength(1)
      await store.mailSent(1, 'me', '250 ok', T0)
      await store.mailDeferred(1, 'me', 'late', T0, T0)
      expect(await store.claimMails('me', T0 + HOUR, MINUTE, 10)).toEqual([])
      expect(await store.gauges(T0)).toMatchObject({ outboxDepth: 0, outboxOldestMs: 0 })
    })

    test('S-6.3 at a start, mails of the process before are due again, our own are not', async () => {
      const store = await fresh()
      await store.enqueueMails([], [mail(1), mail(2, { thread: 'incident-2' })], T0)
      await store.claimMails('me', T0, HOUR, 1)
      await store.claimMails('dead', T0, 0, 1)
      expect(await store.releaseMails('me', T0)).toBe(1)
      expect(await store.claimMails('me', T0, HOUR, 10)).toMatchObject([{ subject: 'mail 2' }])
    })

    test('a lease that is renewed frees no mail', async () => {
      const store = await fresh()
      await store.enqueueMails([], [mail(1)], T0)
      await store.claimMails('me', T0, 0, 1)
      await store.renewMails('me', T0, HOUR)
      expect(await store.claimMails('you', T0, MINUTE, 1)).toEqual([])
      await store.renewMails('you', T0, 0)
      expect(await store.claimMails('you', T0, MINUTE, 1)).toEqual([])
    })

    test('a lease that ran out frees the mail', async () => {
      const store = await fresh()
      await store.enqueueMails([], [mail(1)], T0)
      await store.claimMails('me', T0, 0, 1)
      expect(await store.claimMails('you', T0, MINUTE, 1)).toHaveLength(1)
      expect(await store.claimMails('me', T0, MINUTE, 1)).toEqual([])
    })
  })

  describe('tokens', () => {
    test('a token is used once; looking at it does not use it', async () => {
      const store = await fresh()
      const id = await escalated(store)
      const token = await store.issueToken(id, 'takeOver', T0 + HOUR, T0)
      const valid = { state: 'valid', incident: id, action: 'takeOver', request: null }
      expect(await store.readToken(token, T0)).toEqual(valid)
      expect(await store.readToken(token, T0)).toEqual(valid)
      expect(await store.useToken(token, T0)).toEqual(valid)
      expect(await store.useToken(token, T0)).toEqual({ state: 'used' })
      expect(await store.readToken(token, T0)).toEqual({ state: 'used' })
    })

    test('two who use it at once are not both let in', async () => {
      const store = await fresh()
      const token = await store.issueToken(1, 'retry', T0 + HOUR, T0)
      const seen = await Promise.all([1, 2, 3].map(() => store.useToken(token, T0)))
      expect(seen.filter(({ state }) => state === 'valid')).toHaveLength(1)
    })

    test('it expires, and a made-up one is unknown', async () => {
      const store = await fresh()
      const token = await store.issueToken(1, 'silence', T0 + HOUR, T0)
      expect(await store.readToken(token, T0 + HOUR)).toEqual({ state: 'expired' })
      expect(await store.useToken(token, T0 + HOUR)).toEqual({ state: 'expired' })
      expect(await store.readToken(`${token}x`, T0)).toEqual({ state: 'unknown' })
      expect(token).not.toBe(await store.issueToken(1, 'silence', T0 + HOUR, T0))
      expect(token.length).toBeGreaterThanOrEqual(43)
    })
  })
}
