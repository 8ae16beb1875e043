import { storeConformance } from './conformance.ts'
import { openSqliteStore } from './sqlite.ts'

storeConformance('SQLite in memory', () => openSqliteStore({ path: ':memory:' }))
