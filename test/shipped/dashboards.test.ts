import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { metricNames } from '../../src/telemetry.ts'
import { program, run } from '../lab/processes.ts'
import { repository } from '../lab/state.ts'

interface Target {
  readonly expr: string
  readonly datasource: unknown
}

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: unknown
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } }
  readonly targets?: readonly Target[]
}

interface Dashboard {
  readonly title: string
  readonly uid: string
  readonly editable: boolean
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] }
  readonly panels: readonly Panel[]
}

const folder = join(repository, 'dashboards')
const templated = { type: 'prometheus', uid: `\${datasource}` }

describe.each(readdirSync(folder).filter((name) => name.endsWith('.json')))('dashboards/%s', (name) => {
  const dashboard = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Dashboard
  const panels = dashboard.panels.filter(({ type }) => type !== 'row')
  const targets = panels.flatMap((panel) => panel.targets ?? [])

  test('lets its reader choose the data source, and is not edited in place', () => {
    expect(dashboard.templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource' })
    expect(dashboard.editable).toBe(false)
    for (const { datasource } of [...panels, ...targets]) expect(datasource).toEqual(templated)
  })

  test('has panels with a title, a description and a unit, each asking for something', () => {
    expect(panels.length).toBeGreaterThan(0)
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
    for (const panel of panels) {
      expect(panel.title).not.toBe('')
      expect(panel.description, panel.title).toMatch(/\.$/)
      expect(panel.fieldConfig?.defaults.unit, panel.title).toBeTruthy()
      expect(panel.targets?.length, panel.title).toBeGreaterThan(0)
    }
  })

  test('asks for metrics that kafka-healing has', () => {
    const asked = targets
      .flatMap(({ expr }) => expr.match(/kafka_healing_\w+/g) ?? [])
      .map((metric) => metric.replace(/_(bucket|sum|count)$/, ''))
    expect(asked.length).toBeGreaterThan(0)
    expect([...new Set(asked)].filter((metric) => !(metricNames as readonly string[]).includes(metric))).toEqual([])
  })

  test('has queries that Prometheus can parse, and never shows a raw counter', async () => {
    const expressions = targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, 'x'))
    for (const expression of expressions.filter((each) => /_total\b/.test(each)))
      expect(expression).toMatch(/\b(rate|increase)\(/)
    const temporary = mkdtempSync(join(tmpdir(), 'dashboard-'))
    try {
      const rules = expressions.map((expr, index) => ({ record: `panel:query:${index}`, expr }))
      writeFileSync(join(temporary, 'queries.yml'), stringify({ groups: [{ name: 'queries', rules }] }))
      const check = await run([program('promtool', 'prometheus'), 'check', 'rules', join(temporary, 'queries.yml')])
      expect(check, check.stderr).toMatchObject({ code: 0 })
    } finally {
      rmSync(temporary, { recursive: true, force: true })
    }
  })
})
