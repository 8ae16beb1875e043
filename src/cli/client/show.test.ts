import { describe, expect, it } from 'vitest'
import { EVIL, isHarmless, poisoned } from '../../../test/support/hostile.ts'
import { alertOf, incidentOf, T0, viewOf } from '../../../test/support/story.ts'
import { possible } from '../../http/possible.ts'
import { present } from '../../http/present.ts'
import { IncidentAnswer } from '../../http/shapes.ts'
import type { IncidentView } from '../../store/store.ts'
import { plain, shown } from '../terminal.ts'
import type { View } from './show/head.ts'
import { showLines } from './show.ts'

const now = T0 + 405_000
const screen = { now, zone: 'Europe/Berlin', columns: 100, paint: plain }
const propose = (...args: readonly string[]): string => shown(['kafka-healing', ...args])

function answerTo(view: IncidentView): View {
  return IncidentAnswer.parse({ ...present(view), possible: possible(view.incident, now, null) })
}
function text(view: View, full = false, columns: number | null = 100): string {
  return showLines(view, { ...screen, columns }, propose, full).join('\n')
}

describe('show', () => {
  it('says first where it stands and why, then what was tried, said, seen, what comes next and what one can do', () => {
    const shown = text(answerTo(viewOf()))

    expect(shown.split('\n').slice(0, 3)).toEqual([
      'Incident 12: broker-down on orders/broker/2  ESCALATED (exhausted)',
      '  3 of 3 attempts spent: broker 2 does not answer',
      '  since       2026-11-21 09:00:00 +01:00 (6 min 45 s ago)',
    ])
    const titles = shown.split('\n').filter((line) => line.startsWith('What'))
    expect(titles).toEqual([
      'What was tried',
      'What the guards said',
      'What the probes see',
      'What happens next',
      'What you can do',
    ])
    expect(shown).toContain('1. systemd {"verb":"start"}: failed, exit code 3 after 3 s')
    expect(shown).toContain('| unknown option: nonsense.3')
    expect(shown).toMatch(/pass +identity: the cluster is the one/)
    expect(shown).toMatch(
      /broken +kafka-api: connection refused by kafka-2:9092\n.*ApiVersions = refused \(kafka-2:9092, seen 09:06:39\)/,
    )
    expect(shown).toContain('The probes look again in 55 s (2026-11-21 09:07:40 +01:00).')
    expect(shown).toContain('A reminder comes in 3 h 59 min')
    expect(shown).toContain('kafka-healing ack 12\n')
    expect(shown).toContain('kafka-healing retry 12\n')
    expect(shown).toContain(
      'kafka-healing silence add alertname=KafkaBrokerDown cluster=orders broker_id=2 instance=kafka-2:7071 --duration 2h',
    )
    expect(shown).not.toContain('approve')
  })

  it('proposes only what would change something, and nothing when it is over', () => {
    const owned = answerTo(viewOf({ incident: { ...viewOf().incident, owner: 'ann' } }))
    expect(text(owned)).toContain('No further attempt and no reminder: ann has taken over.')
    const over = viewOf({ incident: { ...viewOf().incident, state: 'closed', outcome: 'cancelled' } })
    const closed = text(answerTo({ ...over, timers: [], alerts: [] }))
    expect(closed).toContain('What happens next\n  nothing by itself')
    expect(closed).toMatch(/What you can do\n {2}nothing: it is over$/)
  })

  it('S-3.5 shows word for word what is asked, and how to say yes', () => {
    const about = 'rung 1 of start-broker on orders/broker/2: rule broker-down is in mode approve'
    const approval = { request: 3, about, waives: [], askedAt: now, expiresAt: now + 600_000, by: null, toldAt: now }
    const incident = incidentOf({ state: 'waiting', reason: 'approval', approval })
    const shown = text(answerTo(viewOf({ incident, attempts: [] })), false, null)

    expect(shown).toContain('kafka-healing approve 12\n')
    expect(shown).toContain(`say yes to request 3: ${about}; it lapses 2026-11-21 09:16:45 +01:00 (in 10 min)`)
    expect(shown).toContain('Without a yes it does nothing.')
    expect(text(answerTo(viewOf({ incident: { ...incident, approval: { ...approval, by: 'ann' } } })))).not.toContain(
      'kafka-healing approve',
    )
  })

  it('says which guard it waits for, and what holds its clocks', () => {
    const [guards, probes] = viewOf().decisions
    if (guards === undefined || probes === undefined) throw new Error('no decisions')
    const refused = { ...guards, verdict: 'refuse', guard: 'availability', reason: 'one replica would be missing' }
    const view = viewOf({ incident: incidentOf({ state: 'waiting', reason: 'refused' }), decisions: [refused, probes] })
    expect(text(answerTo(view))).toContain('It acts when availability passes.')
    const held = incidentOf({ held: { by: 'silence 1 by ann', since: now } })
    expect(text(answerTo(viewOf({ incident: held })))).toContain('Every clock stands still: silence 1 by ann.')
  })

  it('shows mails and the journal only when all is asked for', () => {
    const mails = [
      {
        id: 1,
        messageId: '<1@x>',
        recipient: 'ann@example.org',
        subject: '[orders] broker 2 down',
        state: 'failed' as const,
        createdAt: T0,
        sentAt: null,
        tries: 3,
        lastError: '550 no such user',
      },
    ]
    const view = answerTo(viewOf({ mails }))
    expect(text(view)).not.toContain('ann@example.org')
    expect(text(view, true)).toContain('failed  ann@example.org: [orders] broker 2 down (550 no such user)')
  })

  it('keeps what comes from outside harmless, and its lines within the terminal', () => {
    const spared = new Set(['state', 'status', 'outcome', 'kind', 'verdict', 'params', 'mode', 'trace'])
    const answer = answerTo(viewOf())
    const untimed = poisoned(answer, new Set([...spared, ...timesIn(answer)]))
    const view = IncidentAnswer.parse(untimed)
    const shown = text(view, true, 100)

    expect(JSON.stringify(view)).toContain('evil')
    expect(shown).toContain('evil')
    expect(isHarmless(shown)).toBe(true)
    expect(isHarmless(EVIL)).toBe(false)
  })

  it.each([
    ['a value that a shell would run', '$(reboot)`x`', '\'broker_id="$(reboot)`x`"\''],
    ['a quote', "it's", String.raw`'broker_id="it'\''s"'`],
  ])('proposes silences that a shell takes as they are: %s', (_what, value, argument) => {
    const alerts = [alertOf({ labels: { alertname: 'KafkaBrokerDown', broker_id: value } })]
    expect(text(answerTo(viewOf({ alerts })), false, null)).toContain(
      `silence add alertname=KafkaBrokerDown ${argument} `,
    )
  })

  it.each([
    ['of which a value cannot be typed', { alertname: 'KafkaBrokerDown', cluster: 'orders', exporter: 'a\u001b[2J' }],
    ['of which a name cannot be typed', { alertname: 'KafkaBrokerDown', cluster: 'orders', 'odd name': 'x' }],
    ['that name no alert', { broker_id: '2' }],
  ])('proposes no silence, rather than a wider one, by labels %s', (_what, labels) => {
    expect(text(answerTo(viewOf({ alerts: [alertOf({ labels })] })), false, null)).not.toContain('silence add')
  })
})

/** Names of fields that hold times, which the shape does not tell from other text. */
function timesIn(value: unknown): readonly string[] {
  const names = new Set<string>()
  JSON.stringify(value, (name, inner: unknown) => {
    if (typeof inner === 'string' && /^\d{4}-\d\d-\d\dT/.test(inner)) names.add(name)
    return inner
  })
  return [...names]
}
