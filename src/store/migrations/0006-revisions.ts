import { sql } from 'kysely'
import type { Dialect } from '../dialect.ts'
import { fixed, type Query } from '../unit.ts'

/**
 * Which revision decided each attempt and each telling, and the plan an attempt ran by: a retry by the rule as it is in
 * force then gives an open incident another one. Older rows get those of their incident.
 */
export function revisions(_dialect: Dialect): readonly Query<unknown>[] {
  const ddl = (build: Parameters<typeof fixed>[0]): Query<unknown> => fixed(build)({})
  const added = (table: 'attempts' | 'escalations', column: 'revision' | 'plan'): Query<unknown> =>
    ddl((db) => db.schema.alterTable(table).addColumn(column, 'text', (c) => c.notNull().defaultTo(sql.lit(''))))
  const filled = (table: 'attempts' | 'escalations', column: 'revision' | 'plan'): Query<unknown> =>
    fixed((db) =>
      db.updateTable(table).set({
        [column]: sql`(select ${sql.ref(`i.${column}`)} from incidents as i where i.id = ${sql.ref(`${table}.incident`)})`,
      }),
    )({})
  return [
    added('attempts', 'revision'),
    added('attempts', 'plan'),
    added('escalations', 'revision'),
    filled('attempts', 'revision'),
    filled('attempts', 'plan'),
    filled('escalations', 'revision'),
    // Plans that nothing names are forgotten.
    ddl((db) => db.schema.createIndex('attempts_plan').on('attempts').columns(['plan'])),
  ]
}
