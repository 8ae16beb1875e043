import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { probes } from './index.ts'

const KINDS = ['broker', 'controller', 'zookeeper', 'connect-worker', 'exporter', 'application', 'cluster']

describe.each([...probes])('%s', (type, probe) => {
  test('is named and described', () => {
    expect(probe.type).toBe(type)
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
    for (const kind of probe.targets) expect(KINDS).toContain(kind)
  })
})

test('every probe is registered once', () => {
  expect([...probes.keys()].toSorted()).toEqual(['http-scrape', 'in-sync', 'kafka-api', 'program', 'promql', 'unit'])
})
