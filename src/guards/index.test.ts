import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { TARGET_KINDS } from '../inventory/inventory.ts'
import { NO_ROWS } from './guard.ts'
import { ownGuards, worldGuards } from './index.ts'

describe.each(worldGuards.map((guard) => [guard.type, guard] as const))('%s', (type, guard) => {
  test('is named and described', () => {
    expect(type).toMatch(/^[a-z]+(-[a-z]+)*$/)
    expect(guard.summary).toMatch(/^[A-Z].*\.$/)
    expect(guard.kind).toBe('world')
  })

  test('has parameters that a JSON Schema describes and that know no further keys', () => {
    // Throws where a transform hides what a file may hold.
    expect(z.toJSONSchema(guard.params, { io: 'input' })).toBeDefined()
    expect(guard.params.safeParse({ no_such_parameter: 1 }).success).toBe(false)
  })

  test('applies to kinds of targets that exist', () => {
    expect(guard.targets.length).toBeGreaterThan(0)
    for (const kind of guard.targets) expect(TARGET_KINDS).toContain(kind)
  })

  test('S-5.1 cannot be told to pass when it cannot be evaluated', () => {
    expect(guard.params.safeParse({ on_error: 'allow' }).success).toBe(false)
  })
})

describe.each(ownGuards.map((guard) => [guard.type, guard] as const))('%s', (type, guard) => {
  const intent = {
    incident: 1,
    targetKey: 'orders/broker/1',
    cluster: 'orders',
    disruptive: true,
    byPerson: false,
    attempt: 1,
    rack: 'a',
    firstStart: false,
  }

  test('is named and described', () => {
    expect(type).toMatch(/^[a-z]+(-[a-z]+)*$/)
    expect(guard.summary).toMatch(/^[A-Z].*\.$/)
    expect(guard.kind).toBe('own')
  })

  test('passes where there is nothing of ours, says its own name, and gives a reason', () => {
    const result = guard.decide(NO_ROWS, intent, 1_800_000_000_000)
    expect(result).toMatchObject({ guard: type, verdict: 'pass' })
    expect(result.reason).not.toBe('')
  })
})

test('no two guards share a name', () => {
  const names = [...worldGuards, ...ownGuards].map(({ type }) => type)
  expect(new Set(names).size).toBe(names.length)
})

test('S-2.3 identity and S-5.3 still-firing decide whether or not a runbook lists them', () => {
  const always = worldGuards.filter((guard) => guard.always).map(({ type }) => type)
  expect(always).toEqual(expect.arrayContaining(['identity', 'still-firing']))
})
