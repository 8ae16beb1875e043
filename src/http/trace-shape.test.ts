import { expect, test } from 'vitest'
import { z } from 'zod'
import { TRACE } from '../incident/trace.ts'
import { present } from './present.ts'
import { Trace } from './trace-shape.ts'

/**
 * Version 1 as others read it: `?` marks what may be absent. Lines may be added. Where one changes or goes, the version needs
 * a higher number, and rows of this one a way to be read (src/store/decisions.ts).
 */
const VERSION_1 = `
attempt: integer|null
count: integer
firstAt: string
followed: object|null
followed.nextAt: string|null
followed.reason: string
followed.state: "waiting"|"checking"|"attempting"|"verifying"|"probation"|"escalated"|"settled"|"closed"
followed.until: string|null
guard: string|null
id: integer
intent: object|null
intent.attempt: integer|null
intent.byPerson: boolean
intent.disruptive: boolean
intent.mode: "inform"|"approve"|"act"
intent.revision: string
intent.rung: integer|null
intent.step: integer|null
intent.target: string|null
kind: "guards"|"claim"|"step"|"probe"
lastAt: string
reason: string
results: array
results[guard].approvable?: true
results[guard].escalate?: "identity"|"permission"|"unreachable"|"humanChanged"
results[guard].evidence: array
results[guard].evidence[].at: string
results[guard].evidence[].name: string
results[guard].evidence[].source: string
results[guard].evidence[].value: string|number|boolean|null
results[guard].evidence[].wanted?: string|number|boolean
results[guard].gone?: boolean
results[guard].guard: string
results[guard].params?: object
results[guard].quiet?: boolean
results[guard].reason: string
results[guard].until?: string
results[guard].urgent?: true
results[guard].verdict: "pass"|"hold"|"refuse"|"unknown"
results[probe].conclusive?: boolean
results[probe].evidence: array
results[probe].evidence[].at: string
results[probe].evidence[].name: string
results[probe].evidence[].source: string
results[probe].evidence[].value: string|number|boolean|null
results[probe].evidence[].wanted?: string|number|boolean
results[probe].mark?: string
results[probe].params?: object
results[probe].probe: string
results[probe].reason: string
results[probe].serves?: boolean
results[probe].starting?: boolean
results[probe].verdict: "healed"|"broken"|"progressing"|"unknown"
results[probe].withinMs?: number
trace: 1
verdict: string
`

interface Node {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Node[]
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly items?: Node
}

function typeOf(node: Node): string {
  if (node.anyOf) return node.anyOf.map(typeOf).join('|')
  if (node.const !== undefined) return JSON.stringify(node.const)
  if (node.enum) return node.enum.map((one) => JSON.stringify(one)).join('|')
  return [node.type ?? 'anything'].flat().join('|')
}

function linesOf(node: Node, at = ''): readonly string[] {
  const own = Object.entries(node.properties ?? {}).flatMap(([name, inner]) => {
    const path = at === '' ? name : `${at}.${name}`
    const optional = node.required?.includes(name) === true ? '' : '?'
    return [`${path}${optional}: ${typeOf(inner)}`, ...linesOf(inner, path)]
  })
  const items = (node.items?.anyOf ?? (node.items ? [node.items] : [])).flatMap((one) => {
    const kind = one.properties && ['guard', 'probe'].find((name) => one.properties && name in one.properties)
    return linesOf(one, `${at}[${kind ?? ''}]`)
  })
  return [...own, ...items, ...(node.anyOf ?? []).flatMap((one) => linesOf(one, at))]
}

test('the trace of a decision keeps its shape under one version', () => {
  const pinned = VERSION_1.trim().split('\n')
  expect(TRACE, 'pin the lines of the new version here, and keep a test that reads rows of the one before').toBe(1)
  const lines = linesOf(z.toJSONSchema(Trace) as Node)
  expect(pinned.filter((line) => !lines.includes(line))).toEqual([])
  const known = new Set(pinned.map((line) => line.split(/\??:/)[0]))
  const added = lines.filter((line) => !known.has(line.split(/\??:/)[0]))
  expect(added, 'pin what was added').toEqual([])
})

test('a decision goes out as the shape says, times as text, and nothing of it is lost', () => {
  const at = Date.UTC(2026, 10, 21, 8)
  const decision = {
    id: 7,
    kind: 'guards',
    attempt: null,
    trace: 1,
    verdict: 'refuse',
    guard: 'availability',
    reason: 'ISR is short',
    intent: {
      revision: 'abc',
      mode: 'act',
      target: 'orders/broker/2',
      attempt: 1,
      rung: 1,
      step: null,
      disruptive: true,
      byPerson: false,
    },
    results: [
      {
        guard: 'availability',
        verdict: 'refuse',
        reason: 'ISR is short',
        evidence: [{ name: 'orders-0', value: 1, wanted: 'at least 2', source: 'cluster', at }],
        params: { since: at },
        approvable: true,
        urgent: true,
      },
      { guard: 'storm', verdict: 'hold', reason: 'a storm', evidence: [], until: at, quiet: false },
      { probe: 'unit', verdict: 'progressing', reason: 'starts', evidence: [], mark: '1', starting: true, withinMs: 5 },
    ],
    followed: { state: 'waiting', reason: 'refused', until: null, nextAt: at },
    firstAt: at,
    lastAt: at,
    count: 1,
  } as const
  const said = present(decision)
  expect(Trace.parse(said)).toEqual(said)
  expect(said).toMatchObject({
    firstAt: '2026-11-21T08:00:00.000Z',
    followed: { nextAt: '2026-11-21T08:00:00.000Z', until: null },
    results: [{ params: { since: at }, evidence: [{ at: '2026-11-21T08:00:00.000Z' }] }, {}, {}],
  })
  expect(Trace.safeParse({ ...said, intent: null, followed: null }).success).toBe(true)
})
