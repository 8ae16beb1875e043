import { z } from 'zod'
import type { JsonSchema } from '../rules/json-schema.ts'
import { WholeTestsFile } from './schema.ts'

/** The JSON Schema of files that test rules, for editors that complete and check while one types. */
export function testsJsonSchema(): JsonSchema {
  return z.toJSONSchema(WholeTestsFile, { io: 'input', unrepresentable: 'any' })
}
