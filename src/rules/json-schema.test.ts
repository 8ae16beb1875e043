import { describe, expect, it } from 'vitest'
import { granted } from './granted.ts'
import { jsonSchemas } from './json-schema.ts'

describe('the JSON Schemas', () => {
  const schemas = jsonSchemas(granted)

  it('are complete: nothing in them is left open but what must be', () => {
    for (const schema of Object.values(schemas)) {
      expect(schema).toMatchObject({
        $schema: expect.stringContaining('json-schema.org'),
        type: 'object',
        additionalProperties: false,
      })
    }
  })

  it('name every action, probe and guard of this build', () => {
    const text = JSON.stringify(schemas.rules)

    for (const { type } of [...granted.actions, ...granted.probes, ...granted.guards]) {
      if (type !== 'symptom') expect(text).toContain(`"${type}"`)
    }
  })

  it('take text where a variable may stand', () => {
    expect(schemas.config).toMatchObject({
      properties: { retention: { properties: { days: { anyOf: [{ type: 'integer' }, { type: 'string' }] } } } },
    })
  })
})
