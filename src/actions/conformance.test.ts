import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { TARGET_KINDS } from '../inventory/inventory.ts'
import { actionOf, actions } from './index.ts'

/** Parameters that satisfy an action's schema, one set per verb or shape. An action without an entry here fails. */
const examples: Readonly<Record<string, readonly unknown[]>> = {
  systemd: [{ verb: 'start' }, { verb: 'restart' }, { verb: 'reset-failed' }, { verb: 'restart', limit: 7200 }],
  program: [
    { argv: ['/bin/true'] },
    { argv: ['x', '${labels.topic}'], where: 'local', limit: 1, repeatable: true, disruptive: false, env: { A: 'b' } },
  ],
  gather: [
    { threads: true, disk: true },
    { threads: false, disk: false, log_lines: 0, limit: 600 },
  ],
}

describe.each(actions.map((action) => [action.type, action] as const))('the action %s', (type, action) => {
  const examplesOf = examples[type] ?? []

  test('has examples, is found by its name and says what it does', () => {
    expect(examplesOf).not.toEqual([])
    expect(actionOf(type)).toBe(action)
    expect(action.type).toMatch(/^[a-z][a-z0-9-]*$/)
    expect(action.summary).toMatch(/^[A-Z].{10,}\.$/)
    expect(action.summary.length).toBeLessThanOrEqual(120)
  })

  test('acts on kinds of targets that exist, each named once', () => {
    expect(action.targets.length).toBeGreaterThan(0)
    expect(new Set(action.targets).size).toBe(action.targets.length)
    for (const kind of action.targets) expect(TARGET_KINDS).toContain(kind)
  })

  test('has parameters with a JSON Schema that is strict and describes each of them', () => {
    const written = z.toJSONSchema(action.params, { io: 'input' }) as Schema
    // A transform would make the two differ, or refuse to be written at all.
    expect(z.toJSONSchema(action.params, { io: 'output' })).toEqual(written)
    expect(written.additionalProperties).toBe(false)
    for (const [parameter, schema] of Object.entries(written.properties ?? {})) {
      expect(schema.description, parameter).toMatch(/.{10,}/)
    }
  })

  test('takes its examples as they are, and nothing it does not know', () => {
    for (const example of examplesOf) expect(action.params.parse(example)).toEqual(example)
    for (const other of [{}, null, 'text', { ...(examplesOf[0] as object), nonsense: 1 }]) {
      expect(action.params.safeParse(other).success).toBe(false)
    }
  })

  test('S-4.2 has traits for each of its targets, the same whenever asked', () => {
    for (const kind of action.targets) {
      for (const example of examplesOf) {
        const traits = action.traits(example, kind)
        expect(Object.keys(traits).toSorted()).toEqual([
          'changes',
          'disruptive',
          'limitSeconds',
          'repeatable',
          'starts',
          'stops',
        ])
        expect(Number.isInteger(traits.limitSeconds) && traits.limitSeconds > 0).toBe(true)
        expect(action.traits(example, kind)).toEqual(traits)
      }
    }
  })

  test('S-4.2 is not disruptive on exporters unless the runbook says so', () => {
    for (const example of examplesOf) expect(action.traits(example, 'exporter').disruptive).toBe(false)
  })
})

interface Schema {
  readonly additionalProperties?: boolean
  readonly properties?: Readonly<Record<string, { readonly description?: string }>>
}

test('a name from a file finds no action that is not listed', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.constantFrom('constructor', '__proto__', 'toString')), (name) => {
      expect(actionOf(name) !== undefined).toBe(actions.some(({ type }) => type === name))
    }),
  )
})
