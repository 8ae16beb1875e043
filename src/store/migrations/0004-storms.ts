import { sql } from 'kysely'
import type { Dialect } from '../dialect.ts'
import { fixed, type Query } from '../unit.ts'

/** What is told without an incident, storms over clusters, and the breaker (S-5.9, S-5.10, S-5.11). */
export function storms({ id }: Dialect): readonly Query<unknown>[] {
  const ddl = (build: Parameters<typeof fixed>[0]): Query<unknown> => fixed(build)({})
  return [
    ddl((db) =>
      db.schema
        .createTable('notices')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('key', 'text', (c) => c.notNull().unique())
        .addColumn('kind', 'text', (c) => c.notNull())
        .addColumn('thread', 'text', (c) => c.notNull())
        .addColumn('body', 'text', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('due_at', 'bigint', (c) => c.notNull())
        .addColumn('told_at', 'bigint'),
    ),
    ddl((db) =>
      db.schema
        .createIndex('notices_due')
        .ifNotExists()
        .on('notices')
        .columns(['due_at', 'id'])
        .where(sql.ref('told_at'), 'is', sql.lit(null)),
    ),

    ddl((db) =>
      db.schema
        .createTable('sightings')
        .ifNotExists()
        .addColumn('cluster', 'text', (c) => c.primaryKey())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .addColumn('reaches_nothing', 'integer', (c) => c.notNull())
        .addColumn('voters', 'text', (c) => c.notNull()),
    ),
    ddl((db) =>
      db.schema
        .createTable('storms')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('cluster', 'text', (c) => c.notNull())
        .addColumn('began_at', 'bigint', (c) => c.notNull())
        .addColumn('bad', 'text', (c) => c.notNull())
        .addColumn('total', 'integer', (c) => c.notNull())
        .addColumn('calm_since', 'bigint')
        .addColumn('failed_starts', 'integer', (c) => c.notNull())
        .addColumn('failed_target', 'text')
        .addColumn('failed_reason', 'text')
        .addColumn('ended_at', 'bigint'),
    ),
    // One at a time in each cluster.
    ddl((db) =>
      db.schema
        .createIndex('storms_open')
        .ifNotExists()
        .unique()
        .on('storms')
        .columns(['cluster'])
        .where(sql.ref('ended_at'), 'is', sql.lit(null)),
    ),
    // The storm whose mails tell of the row, so that it gets none of its own.
    ddl((db) => db.schema.alterTable('escalations').addColumn('storm', 'integer')),
    ddl((db) =>
      db.schema
        .createIndex('escalations_storm')
        .ifNotExists()
        .on('escalations')
        .columns(['storm'])
        .where(sql.ref('storm'), 'is not', sql.lit(null)),
    ),

    // The first start of a crashed target: the budgets of cluster, rack and everywhere neither count nor refuse it.
    ddl((db) => db.schema.alterTable('attempts').addColumn('first_start', 'integer', (c) => c.notNull().defaultTo(0))),

    ddl((db) =>
      db.schema
        .createTable('failures')
        .ifNotExists()
        .addColumn('incident', 'integer', (c) => c.primaryKey())
        .addColumn('rule', 'text', (c) => c.notNull())
        .addColumn('cluster', 'text', (c) => c.notNull())
        .addColumn('target_key', 'text', (c) => c.notNull())
        .addColumn('at', 'bigint', (c) => c.notNull()),
    ),
    ddl((db) => db.schema.createIndex('failures_pair').ifNotExists().on('failures').columns(['rule', 'cluster', 'at'])),
    ddl((db) =>
      db.schema
        .createTable('demotions')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('rule', 'text', (c) => c.notNull())
        .addColumn('cluster', 'text', (c) => c.notNull())
        // Empty: the rule on all targets of the cluster. Not null, so that one index keeps both kinds single.
        .addColumn('target_key', 'text', (c) => c.notNull())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .addColumn('reason', 'text', (c) => c.notNull())
        .addColumn('applied', 'integer', (c) => c.notNull())
        .addColumn('resumed_at', 'bigint')
        .addColumn('resumed_by', 'text'),
    ),
    ddl((db) =>
      db.schema
        .createIndex('demotions_open')
        .ifNotExists()
        .unique()
        .on('demotions')
        .columns(['rule', 'cluster', 'target_key'])
        .where(sql.ref('resumed_at'), 'is', sql.lit(null)),
    ),
    ddl((db) =>
      db.schema
        .createIndex('demotions_pending')
        .ifNotExists()
        .on('demotions')
        .columns(['id'])
        .where(sql.ref('applied'), '=', sql.lit(0)),
    ),
  ]
}
