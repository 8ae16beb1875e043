import { describe, expect, it } from 'vitest'
import { compare } from './compare.ts'
import { Expectation } from './schema.ts'
import type { Moment, SeenIncident, SeenMail } from './seen.ts'

const incident = (fields: Partial<SeenIncident> = {}): SeenIncident => ({
  rule: 'broker-down',
  target: 'orders/broker/2',
  mode: 'act',
  state: 'waiting',
  reason: 'refused',
  outcome: null,
  attempts: 0,
  refused_by: 'symptom',
  because: 'kafka.service was stopped on purpose',
  leader: null,
  ...fields,
})

const mail = (fields: Partial<SeenMail> = {}): SeenMail => ({
  kind: 'told',
  rule: 'broker-down',
  target: 'orders/broker/2',
  to: ['kafka-oncall'],
  reason: 'refused',
  says: 'the symptom does not hold',
  ...fields,
})

const nothing: Moment = { incidents: [], ran: [], mails: [] }

/** What a person reads. */
function read(expectation: Record<string, unknown>, seen: Partial<Moment>): string {
  const parsed = Expectation.parse({ at: '1m', ...expectation })
  return compare(parsed, { ...nothing, ...seen })
    .map(({ path, message, diff }) =>
      [`${path.join('.')}: ${message}`, ...diff.map(({ sign, text }) => `${sign} ${text}`)].join('\n'),
    )
    .join('\n')
}

describe('incidents', () => {
  it('agree as far as they are stated', () => {
    expect(read({ incidents: [{ rule: 'broker-down' }] }, { incidents: [incident()] })).toBe('')
    const stated = { rule: 'broker-down', target: 'orders/broker/2', reason: 'refused', because: 'on purpose' }
    expect(read({ incidents: [stated] }, { incidents: [incident()] })).toBe('')
  })

  it('are shown field by field where one differs, at that field', () => {
    const stated = { rule: 'broker-down', state: 'closed', attempts: 1, outcome: 'healed', because: 'healed by us' }

    expect(read({ incidents: [stated] }, { incidents: [incident({ attempts: 1 })] })).toBe(
      `incidents.0.state: the incident of broker-down on orders/broker/2 is not as expected
  rule: broker-down
- state: closed
+ state: waiting
- outcome: healed
+ outcome: (none)
  attempts: 1
- because: "healed by us"
+ because: "kafka.service was stopped on purpose"`,
    )
  })

  it('are those there are, in any order', () => {
    const both = [incident(), incident({ rule: 'broker-hung', target: 'orders/broker/1' })]

    expect(read({ incidents: [{ rule: 'broker-hung' }, { rule: 'broker-down' }] }, { incidents: both })).toBe('')
    expect(read({ incidents: [{ rule: 'broker-down' }] }, { incidents: both })).toBe(
      `incidents: an incident that is not expected
+ { rule: broker-hung, target: orders/broker/1, mode: act, state: waiting, reason: refused, attempts: 0, refused_by: symptom, because: "kafka.service was stopped on purpose" }`,
    )
  })

  it('are missed', () => {
    expect(read({ incidents: [{ rule: 'broker-down', state: 'waiting' }] }, {})).toBe(
      `incidents.0: there is no such incident
- { rule: broker-down, state: waiting }`,
    )
  })

  it('of another rule are another incident', () => {
    expect(read({ incidents: [{ rule: 'broker-hung' }] }, { incidents: [incident()] })).toMatch(
      /^incidents\.0: there is no such incident\n.*\nincidents: an incident that is not expected\n/,
    )
  })

  it('are compared with the one of their target where several are of one rule', () => {
    const others = [incident({ target: 'orders/broker/1' }), incident({ target: 'orders/broker/3' })]
    const stated = [{ rule: 'broker-down', target: 'orders/broker/3', attempts: 7 }, { rule: 'broker-down' }]

    expect(read({ incidents: stated }, { incidents: others })).toMatch(
      /^incidents\.0\.attempts: the incident of broker-down on orders\/broker\/3 is not as expected\n/,
    )
  })

  it('may be others as well with `only: false`', () => {
    const both = [incident(), incident({ rule: 'broker-hung' })]

    expect(read({ only: false, incidents: [{ rule: 'broker-hung' }] }, { incidents: both })).toBe('')
    expect(read({ only: false, incidents: [{ rule: 'exporter-down' }] }, { incidents: both })).not.toBe('')
  })
})

describe('what ran', () => {
  const start = 'systemd start on orders/broker/2'
  const clear = 'systemd reset-failed on orders/broker/2'

  it('is all of it, in order', () => {
    expect(read({ ran: [start, clear] }, { ran: [start, clear] })).toBe('')
    expect(read({ ran: [start, start] }, { ran: [start, clear, start, start] })).toBe(
      `ran: what ran is not as expected
  systemd start on orders/broker/2
+ systemd reset-failed on orders/broker/2
  systemd start on orders/broker/2
+ systemd start on orders/broker/2`,
    )
  })

  it('is placed at the first step that is missing', () => {
    expect(read({ ran: [start, clear] }, { ran: [start] })).toBe(
      `ran.1: what ran is not as expected
  systemd start on orders/broker/2
- systemd reset-failed on orders/broker/2`,
    )
  })

  it('may be more with `only: false`, but not in another order', () => {
    expect(read({ only: false, ran: [clear] }, { ran: [start, clear, start] })).toBe('')
    expect(read({ only: false, ran: [clear, start] }, { ran: [start, clear] })).not.toBe('')
  })
})

describe('mails', () => {
  it('agree as far as they are stated, receivers in any order', () => {
    const seen = { mails: [mail({ to: ['leads', 'kafka-oncall'] })] }

    expect(read({ mails: [{ kind: 'told', to: ['kafka-oncall', 'leads'], says: 'does not hold' }] }, seen)).toBe('')
    expect(read({ mails: [{ kind: 'told', to: ['kafka-oncall'] }] }, seen)).not.toBe('')
  })

  it('are shown whole where one differs', () => {
    const seen = { mails: [mail(), mail({ kind: 'recovered', says: 'well again' })] }

    expect(read({ mails: [{ kind: 'told' }, { kind: 'escalated', says: 'exhausted' }] }, seen)).toBe(
      `mails.1: who was told what is not as expected
  { kind: told, rule: broker-down, target: orders/broker/2, to: [kafka-oncall], reason: refused, says: "the symptom does not hold" }
- { kind: escalated, says: exhausted }
+ { kind: recovered, rule: broker-down, target: orders/broker/2, to: [kafka-oncall], reason: refused, says: "well again" }`,
    )
  })
})

describe('nothing', () => {
  it('is no incident, no step and no mail', () => {
    expect(read({ nothing: true }, {})).toBe('')
    expect(read({ nothing: true }, { incidents: [incident()] })).toMatch(/^nothing: something happened\n\+ \{ rule: /)
    expect(read({ nothing: true }, { ran: ['systemd start on orders/broker/2'] })).toBe(
      'nothing: something happened\n+ systemd start on orders/broker/2',
    )
    expect(read({ nothing: true }, { mails: [mail()] })).toMatch(/^nothing: something happened\n\+ \{ kind: told, /)
  })
})
