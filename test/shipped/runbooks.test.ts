import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { HOLD_FILE } from '../../src/guards/identity-facts.ts'
import { ownGuards, worldGuards } from '../../src/guards/index.ts'
import { repository } from '../lab/state.ts'

const read = (path: string): string => readFileSync(join(repository, path), 'utf8')

const { rules, runbooks } = parse(read('rules/kafka.yml')) as {
  rules: { name: string; match: string[]; runbook: string }[]
  runbooks: Record<string, { url?: string; rungs: Record<string, unknown>[][] }>
}
const { groups } = parse(read('alerts/kafka.rules.yml')) as {
  groups: { rules: { alert: string; annotations: Record<string, string> }[] }[]
}
const alerts = groups.flatMap((group) => group.rules)
const pageOf = (rule: string) => `docs/runbooks/${rule}.md`

describe.each(rules)('the rule $name', ({ name, match, runbook }) => {
  const page = existsSync(join(repository, pageOf(name))) ? read(pageOf(name)) : ''

  test('has a page, which its runbook and its alert name', () => {
    expect(page).not.toBe('')
    expect(runbooks[runbook]?.url).toBe(pageOf(name))
    const alertname = /^alertname="(\w+)"$/.exec(match[0] ?? '')?.[1] ?? ''
    expect(alerts.find(({ alert }) => alert === alertname)?.annotations['runbook_url']).toBe(pageOf(name))
    for (const named of [name, runbook, alertname]) expect(page).toContain(`\`${named}\``)
  })

  test('has a page that says what a person needs, in that order', () => {
    const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
    expect(headings).toEqual([
      'What it means',
      'What kafka-healing checks and does',
      'Why it may refuse',
      'By hand',
      'Never',
    ])
  })
})

test('every page below docs/runbooks is a rule’s, but for what they have in common', () => {
  const pages = readdirSync(join(repository, 'docs/runbooks')).toSorted()
  expect(pages).toEqual([...rules.map(({ name }) => `${name}.md`), 'refusals.md'].toSorted())
})

test('what stops a live broker gathers evidence first', () => {
  for (const { name, runbook } of rules) {
    if (name === 'exporter-down') continue
    for (const rung of runbooks[runbook]?.rungs ?? []) {
      const verbs = rung.map((step) => Object.keys(step)[0])
      if (JSON.stringify(rung).includes('"restart"')) expect(verbs[0], name).toBe('gather')
    }
  }
})

describe('what the pages say that guards say', () => {
  const pages = globSync('docs/runbooks/*.md', { cwd: repository })
  const said = pages.flatMap((page) =>
    [...read(page).matchAll(/^\| (.+?) \| `(.+?)` \| (.+) \|$/gm)].map(([, guard = '', words = '']) => ({
      page,
      guard: guard.replaceAll('`', ''),
      words,
    })),
  )
  const files = ['src/guards/*.ts', 'src/kafka/judge-view.ts', 'src/probes/*.ts'].flatMap((pattern) =>
    globSync(pattern, { cwd: repository }).filter((file) => !file.endsWith('.test.ts')),
  )
  const source = files.map(read).join('\n').replaceAll('${HOLD_FILE}', HOLD_FILE)

  test('is said by guards that there are', () => {
    expect(said.length).toBeGreaterThan(50)
    const known = [...worldGuards, ...ownGuards].map(({ type }) => type)
    expect(said.filter(({ guard }) => !known.includes(guard) && guard !== 'culprit' && guard !== 'all four')).toEqual(
      [],
    )
  })

  test('is word for word what they say', () => {
    const wrong = said.filter(({ words }) =>
      words.split('…').some((part) => !source.includes(part.trim().replace(/^[,;:] | [,;:]$/g, ''))),
    )
    expect(wrong).toEqual([])
  })

  test('leaves out no guard', () => {
    const named = new Set(said.map(({ guard }) => guard))
    const always = [...worldGuards.filter((guard) => guard.always || guard.type === 'symptom'), ...ownGuards]
    expect(always.map(({ type }) => type).filter((type) => !named.has(type))).toEqual([])
  })
})
