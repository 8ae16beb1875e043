import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { TARGET_KINDS } from '../inventory/inventory.ts'
import { probeOf, probes } from './index.ts'

describe.each(probes.map((probe) => [probe.type, probe] as const))('%s', (type, probe) => {
  test('is named, described, and found by its name', () => {
    expect(probeOf(type)).toBe(probe)
    expect(type).toMatch(/^[a-z]+(-[a-z]+)*$/)
    expect(probe.summary).toMatch(/^[A-Z].*\.$/)
  })

  test('has parameters that a JSON Schema describes and that know no further keys', () => {
    // Throws where a transform hides what a file may hold.
    expect(z.toJSONSchema(probe.params, { io: 'input' })).toBeDefined()
    expect(probe.params.safeParse({ no_such_parameter: 1 }).success).toBe(false)
  })

  test('applies to kinds of targets that exist', () => {
    expect(probe.targets.length).toBeGreaterThan(0)
    for (const kind of probe.targets) expect(TARGET_KINDS).toContain(kind)
  })
})

test('every probe is registered once', () => {
  expect(probes.map(({ type }) => type).toSorted()).toEqual([
    'http-scrape',
    'in-sync',
    'kafka-api',
    'program',
    'promql',
    'unit',
  ])
})
