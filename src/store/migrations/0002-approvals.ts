import type { Dialect } from '../dialect.ts'
import { fixed, type Query } from '../unit.ts'

/** Which request for approval a link is about. */
export function approvals(_dialect: Dialect): readonly Query<unknown>[] {
  return [fixed((db) => db.schema.alterTable('tokens').addColumn('request', 'integer'))({})]
}
