import { z } from 'zod'
import { ConfigFile } from '../config-schema.ts'
import { duration, name } from '../document/fields.ts'
import { InventoryFile } from '../inventory/schema.ts'
import type { Powers } from './powers.ts'
import { Rule, Runbook } from './schema.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

/** JSON Schemas of the three kinds of files, for editors that complete and check while one types. */
export function jsonSchemas(powers: Powers): Readonly<Record<'config' | 'inventory' | 'rules', JsonSchema>> {
  return { config: toJson(ConfigFile), inventory: toJson(InventoryFile), rules: toJson(rulesSchema(powers)) }
}

/** The rules file with the registries' parameters spelled out, which the loader asks for one by one. */
function rulesSchema({ actions, probes, guards }: Powers): z.ZodType {
  const steps = actions.map(({ type, summary, params }) => z.strictObject({ [type]: params }).describe(summary))
  const looks = probes.map(({ type, summary, params }) =>
    (params instanceof z.ZodObject ? params : z.looseObject({}))
      .extend({ probe: z.literal(type), within: duration })
      .describe(summary),
  )
  const listed = guards.flatMap((guard): z.ZodType[] => {
    if (guard.type === 'symptom') return []
    const bare = z.literal(guard.type).describe(guard.summary)
    return guard.kind === 'own'
      ? [bare]
      : [bare, z.strictObject({ [guard.type]: guard.params }).describe(guard.summary)]
  })
  const symptom = guards.find((guard) => guard.type === 'symptom')
  const runbook = Runbook.extend({
    symptom: (symptom?.kind === 'world' ? symptom.params : z.never()).optional(),
    guards: z.array(z.union(listed)).optional(),
    rungs: z.array(z.array(z.union(steps)).min(1)).min(1),
    verify: z.array(z.union(looks)).min(1),
  })
  return z.strictObject({ rules: z.array(Rule).optional(), runbooks: z.record(name, runbook).optional() })
}

function toJson(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
}
