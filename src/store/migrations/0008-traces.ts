import type { Dialect } from '../dialect.ts'
import { fixed, type Query } from '../unit.ts'

/** What a decision was about and what followed, with the version of its shape; null in rows from before. */
export function traces(_dialect: Dialect): readonly Query<unknown>[] {
  return [fixed((db) => db.schema.alterTable('decisions').addColumn('trace', 'text'))({})]
}
