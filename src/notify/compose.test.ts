import { expect, test } from 'vitest'
import { injections } from '../../test/support/injections.ts'
import { alertOf, incidentOf, rowOf, T0, UNTRACED, viewOf } from '../../test/support/story.ts'
import { compose, subject } from './compose.ts'
import { digest } from './digest.ts'
import { offered } from './needs.ts'
import { plain } from './plain.ts'
import type { Story } from './story.ts'

const NOW = T0 + 401_000
const links = {
  takeOver: 'https://healing.example.org/link/t1',
  retry: 'https://healing.example.org/link/t2',
  silence: 'https://healing.example.org/link/t3',
  incident: 'https://healing.example.org/incidents/12',
}

/** In the order of the mail. */
function inOrder(text: string, ...parts: readonly string[]): void {
  let from = 0
  for (const part of parts) {
    const at = text.indexOf(part, from)
    expect(at, `${JSON.stringify(part)} after ${from} in\n${text}`).toBeGreaterThanOrEqual(0)
    from = at + part.length
  }
}

test('S-6.2 an exhausted incident says what was done, that it is not over, and whose turn it is, before all else', () => {
  const { subject, text } = compose(viewOf(), rowOf(), links, [], NOW)
  expect(subject).toBe('[orders] broker 2 down: not healed after 3 attempts')
  expect(text.split('\n')[0]).toMatch(/^It acted: 3 attempts\. It is not over.*Your turn: take over/)
})

test('design 4.5 a mail carries the evidence in the order in which it is needed', () => {
  const { text } = compose(viewOf(), rowOf(), links, [], NOW)
  inOrder(
    text,
    'WHAT BROKE',
    'orders/broker/2',
    '2026-11-21 07:59:40 UTC',
    'Broker 2 of orders is down',
    'WHAT IT NEEDS FROM YOU',
    'https://runbooks.example.org/broker-down',
    links.takeOver,
    links.retry,
    links.silence,
    'WHAT WAS TRIED',
    'Attempt 1 (rung 1)',
    '12.1.1 systemd {"verb":"start"}: failed, exit code 1 after 3 s',
    'unknown option: nonsense.1',
    'Attempt 3 (rung 2)',
    'exit code 3',
    'unknown option: nonsense.3',
    'WHAT THE GUARDS SAW',
    'identity: pass',
    'cluster id = MkU3OEVBNTcw  (metadata of kafka-1:9092, 2026-11-21 08:05:00 UTC)',
    'WHAT THE PROBES SEE',
    'kafka-api: broken: connection refused by kafka-2:9092',
    'journal (journalctl, 2026-11-21 08:06:39 UTC):',
    '    FATAL no such option\n    kafka.service: Failed',
    'WHAT HAPPENS NEXT',
    'A reminder comes in 3 h 59 min',
    'incident 12',
    'revision c0ffee1',
  )
})

test('S-3.6 every mail names the revision that decided it, a retry by the rule as it is now another one than the plan of before', () => {
  const row = rowOf({ revision: 'c0ffee2' })
  const mails = [
    compose(viewOf(), row, links, [], NOW),
    plain(row, null, new Error('broken')),
    digest([{ telling: row, story: viewOf() }], null, [], NOW),
  ]
  for (const { text, html } of mails) {
    expect(text).toMatch(/decided by revision c0ffee2\b/i)
    if (html !== null) expect(html).toMatch(/decided by revision c0ffee2\b/i)
  }
  const { attempts, ...view } = viewOf()
  const replanned = {
    ...view,
    attempts: attempts.map((one) => (one.attempt < 3 ? one : { ...one, revision: 'c0ffee2' })),
  }
  expect(compose(viewOf(), row, links, [], NOW).text).toContain('Attempt 3 (rung 2) at')
  const told = compose(replanned, row, links, [], NOW).text
  expect(told).toContain('Attempt 2 (rung 2, by revision c0ffee1) at')
  expect(told).toContain('Attempt 3 (rung 2, by revision c0ffee2) at')

  const several = [1, 2, 3].map((id) => ({ telling: rowOf({ id, revision: id < 3 ? 'a' : 'b' }), story: null }))
  expect(digest(several, null, [], NOW).text).toContain('Decided by revision a (2), b (1)')
})

test('the HTML part says the same, and its links are the same', () => {
  const { html } = compose(viewOf(), rowOf(), links, [], NOW)
  for (const part of [
    'not healed after 3 attempts',
    'unknown option: nonsense.3',
    'MkU3OEVBNTcw',
    `href="${links.takeOver}"`,
  ])
    expect(html).toContain(part)
  expect(html).not.toMatch(/<(script|img|link|iframe|form|object)|src=|@import|url\(/i)
})

test('S-6.1 a refusal says what has to pass, when it is asked again, and until when', () => {
  const refused = {
    id: 3,
    attempt: null,
    kind: 'guards' as const,
    verdict: 'refuse',
    guard: 'identity',
    reason: '/var/lib/kafka is not mounted',
    ...UNTRACED,
    results: [{ guard: 'identity', verdict: 'refuse' as const, reason: '/var/lib/kafka is not mounted', evidence: [] }],
    firstAt: T0,
    lastAt: NOW - 1_000,
    count: 17,
  }
  const view = viewOf({
    incident: incidentOf({ state: 'waiting', reason: 'refused', detail: refused.reason, refusals: 17 }),
    attempts: [],
    decisions: [refused],
    timers: [
      { incident: 12, kind: 'guard', dueAt: NOW + 60_000 },
      { incident: 12, kind: 'giveUp', dueAt: T0 + 7_200_000 },
    ],
  })
  const row = rowOf({ kind: 'refused', reason: 'refused', summary: refused.reason })
  const { subject, text } = compose(view, row, links, [], NOW)
  expect(subject).toBe('[orders] broker 2 down: refused to act (identity)')
  expect(text.split('\n')[0]).toBe(
    'Nothing was done. It is not over: /var/lib/kafka is not mounted. It will act by itself when that passes; take over if you will not wait.',
  )
  inOrder(
    text,
    'the same 17 times since',
    'It will act when identity passes; click to take over.',
    'again in 1 min',
    'gives up waiting in',
  )
})

test('S-6.3 a recovery says who healed it and how long it took, and asks for nothing', () => {
  const healed = incidentOf({
    state: 'probation',
    reason: 'watching',
    attempts: 2,
    changed: true,
    healedAt: T0 + 200_000,
    probationEndsAt: T0 + 1_100_000,
  })
  const row = rowOf({ kind: 'recovered', reason: 'watching', summary: 'healed by attempt 2; serving' })
  const { subject, text } = compose(viewOf({ incident: healed }), row, links, [], NOW)
  expect(subject).toBe('[orders] broker 2: recovered')
  expect(text.split('\n')[0]).toMatch(
    /^Recovered 3 min 20 s after .*healed by attempt 2 of kafka-healing.*Nothing is needed/,
  )
  expect(text).not.toContain('/link/')
  const byHand = incidentOf({ ...healed, owner: 'alice' })
  expect(compose(viewOf({ incident: byHand }), row, links, [], NOW).text).toMatch(
    /^Recovered .*after alice took over, after 2 attempts/,
  )
  const alone = incidentOf({ ...healed, attempts: 0, changed: false })
  expect(compose(viewOf({ incident: alone }), row, links, [], NOW).text).toContain('kafka-healing changed nothing')
})

test('without an external URL there are no links, and it says what to call instead', () => {
  const { text, html } = compose(viewOf(), rowOf(), {}, [], NOW)
  expect(text).toContain('external_url is not configured')
  expect(text).toContain('/incidents/12/take-over')
  expect(html).not.toContain('/link/')
})

test('a reminder, a further level and a taken over incident read as such', () => {
  expect(subject(viewOf(), rowOf({ level: 1001 }))).toBe(
    '[orders] broker 2 down: reminder 2: not healed after 3 attempts',
  )
  const owned = viewOf({ incident: incidentOf({ state: 'escalated', reason: 'takenOver', owner: 'alice' }) })
  expect(subject(owned, rowOf({ reason: 'takenOver' }))).toContain('taken over by alice')
  expect(offered(owned, rowOf())).toEqual(['retry', 'silence'])
})

test('a runbook URL becomes a link only when it is a web address', () => {
  for (const url of [
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'https://u:p@x.example/',
    'no url',
    '//x',
  ]) {
    const view = viewOf({ alerts: [alertOf({ annotations: { runbook_url: url } })] })
    const { html, text } = compose(view, rowOf(), links, [], NOW)
    expect(html, url).not.toContain('>Runbook<')
    expect(text, url).not.toContain('Runbook:')
  }
})

test('a runbook that is a page of the repository is named as one', () => {
  const { incident } = viewOf()
  const withUrl = (url: string) => {
    const plan = { ...incident.plan, runbook: { ...incident.plan.runbook, url } }
    return compose({ ...viewOf(), incident: { ...incident, plan } }, rowOf(), links, [], NOW)
  }
  const { text, html } = withUrl('docs/runbooks/broker-hung.md')
  expect(text).toContain('Runbook: docs/runbooks/broker-hung.md, in the repository of the rules.')
  expect(html).not.toContain('href="docs/')
  expect(withUrl('https://u:secret@x.example/').text).not.toContain('secret')
})

/** A view in which everything that comes from outside is `evil`. */
function poisoned(evil: string): Story {
  const view = viewOf()
  const evidence = [
    { name: evil, value: evil, source: evil, at: T0 },
    { name: evil, value: `${evil}\n${evil}`, source: evil, at: T0 },
  ]
  return {
    ...view,
    incident: { ...view.incident, detail: evil, owner: evil },
    alerts: [alertOf({ labels: { alertname: evil, [evil]: evil }, annotations: { summary: evil, runbook_url: evil } })],
    attempts: view.attempts.map((one) => ({
      ...one,
      reason: evil,
      steps: one.steps.map((step) => ({
        ...step,
        params: { argv: [evil] },
        result: { outcome: 'failed', reason: evil, exitCode: 1, output: evil.repeat(3) },
      })),
    })),
    decisions: [
      { ...decision(evil), kind: 'guards', results: [{ guard: evil, verdict: 'refuse', reason: evil, evidence }] },
      { ...decision(evil), kind: 'probe', results: [{ probe: evil, verdict: 'broken', reason: evil, evidence }] },
    ],
  }
}

function decision(evil: string) {
  return { verdict: 'refuse', guard: evil, reason: evil, firstAt: T0, lastAt: T0, count: 2 }
}

const corpus = [
  ...injections,
  '{{ .Labels }} ${x} <%= x %>',
  '</pre></td></table><script>alert(1)</script><img src=x onerror=alert(1)>',
  '"><a href="javascript:alert(1)">Take over</a>',
  '🔥👩‍👩‍👧‍👦 emoji',
  'Subject: x\r\nBcc: evil@example.org\r\n\r\nbody',
  '\u202egnp.exe\u2066 \u200b\ufeff',
  '\u001b[31mred\u001b[0m\u0007\b\b\b',
  '\\u0000 \u0000 \ud800',
  'x'.repeat(65_536),
  '\n'.repeat(10_000),
  'ä'.repeat(70_000),
]

test.each(corpus.map((evil) => [evil.slice(0, 40), evil]))(
  'S-6.3 values from outside stay values: %j',
  (_name, evil) => {
    const story = poisoned(evil)
    for (const kind of ['escalated', 'refused', 'told', 'recovered'] as const) {
      const { subject, text, html } = compose(story, rowOf({ kind, summary: evil }), links, [], NOW)
      // eslint-disable-next-line no-control-regex
      expect(subject).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
      expect(subject.length).toBeLessThan(400)
      expect([...new Intl.Segmenter().segment(subject)].length).toBeLessThanOrEqual(110)
      expect(text.isWellFormed()).toBe(true)
      // oxlint-disable-next-line no-control-regex
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
      expect(text.length).toBeLessThan(100_000)
      expect(html?.length).toBeLessThan(250_000)
      // What tags there are, are ours.
      const tags = new Set([...(html ?? '').matchAll(/<\/?([a-z0-9!]+)/gi)].map((one) => one[1]?.toLowerCase()))
      const ours = [
        '!doctype',
        'html',
        'head',
        'meta',
        'title',
        'body',
        'div',
        'p',
        'h2',
        'table',
        'tr',
        'td',
        'ul',
        'li',
        'pre',
        'a',
        'br',
      ]
      expect([...tags].filter((tag) => !ours.includes(tag ?? ''))).toEqual([])
      const hrefs = [...(html ?? '').matchAll(/href="([^"]*)"/g)].map((one) => one[1] ?? '')
      for (const href of hrefs) expect(href).toMatch(/^https?:\/\//)
      // In text nothing from outside begins a section or a line that could pass for one of ours.
      expect(text.match(/^WHAT [A-Z ]+$/gm)?.length).toBeLessThanOrEqual(6)
    }
  },
)

test('the plain mail cannot fail on what broke the good one', () => {
  for (const evil of corpus) {
    const made = plain(rowOf({ summary: evil }), 'https://healing.example.org/incidents/12', new Error(evil))
    // oxlint-disable-next-line no-control-regex
    expect(made.subject).not.toMatch(/[\u0000-\u001f]/)
    expect(made.text).toContain('Incident 12')
    expect(made.text.length).toBeLessThan(30_000)
  }
})

test('S-5.1 a value is quoted with what was wanted, on one line', () => {
  const at = T0 + 60_000
  const [first] = viewOf().decisions
  if (!first) throw new Error('no decision')
  const evidence = [
    { name: 'orders-0', value: 'ISR 1,2', wanted: 'at least 2 in sync without it', source: 'cluster', at },
    { name: 'hold file', value: false, wanted: false, source: 'kafka-2', at },
    { name: 'topics', value: 7, source: 'cluster', at },
    { name: 'evil', value: 1, wanted: 'a\nb\u202ec'.padEnd(400, '.'), source: 'x', at },
  ]
  const results = [{ guard: 'availability', verdict: 'refuse' as const, reason: 'ISR is short', evidence }]
  const { text } = compose(viewOf({ decisions: [{ ...first, results }] }), rowOf(), links, [], NOW)
  const seen = text.slice(text.indexOf('WHAT THE GUARDS SAW'))
  inOrder(
    seen,
    'orders-0 = ISR 1,2; wanted at least 2 in sync without it  (cluster, 2026-11-21 08:01:00 UTC)',
    'hold file = false; wanted false  (kafka-2, ',
    'topics = 7  (cluster, ',
  )
  const cut = seen.split('\n').find((line) => line.includes('evil = 1; wanted a b c...'))
  expect(cut?.length).toBeLessThan(200)
})
