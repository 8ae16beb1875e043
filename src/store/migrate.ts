import type { Dialect } from './dialect.ts'
import { SchemaTooNewError } from './errors.ts'
import { migrations } from './migrations/index.ts'
import { all, exec, fixed, type Unit } from './unit.ts'

const createVersion = fixed((db) =>
  db.schema
    .createTable('schema_version')
    .ifNotExists()
    .addColumn('one', 'integer', (c) => c.primaryKey())
    .addColumn('version', 'integer', (c) => c.notNull()),
)
const readVersion = fixed((db) => db.selectFrom('schema_version').select('version').where('one', '=', 1))
const writeVersion = fixed((db, p: { version: number }) =>
  db
    .insertInto('schema_version')
    .values({ one: 1, version: p.version })
    .onConflict((c) => c.column('one').doUpdateSet((eb) => ({ version: eb.ref('excluded.version') }))),
)

/** Takes the database one step further; run until it answers false. Each step commits with its number, or not at all. */
export function* migrateOnce(dialect: Dialect): Unit<boolean> {
  yield* exec(createVersion({}))
  const version = (yield* all(readVersion({})))[0]?.version ?? 0
  if (version > migrations.length) throw new SchemaTooNewError(version, migrations.length)
  const statements = migrations[version]
  if (!statements) return false
  for (const statement of statements(dialect)) yield* exec(statement)
  yield* exec(writeVersion({ version: version + 1 }))
  return true
}
