import type { Dialect } from '../dialect.ts'
import { fixed, type Query } from '../unit.ts'

/** Who was bad when the cluster was last looked at, where its quorum had no leader (S-5.9). */
export function leaderless(_dialect: Dialect): readonly Query<unknown>[] {
  return [fixed((db) => db.schema.alterTable('sightings').addColumn('leaderless', 'text'))({})]
}
