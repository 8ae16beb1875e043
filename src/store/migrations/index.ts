import type { Dialect } from '../dialect.ts'
import type { Query } from '../unit.ts'
import { tables } from './0001-tables.ts'

/** Numbered from 1 by position. A step that was released is never changed; a new one is added at the end. */
export const migrations: readonly ((dialect: Dialect) => readonly Query<unknown>[])[] = [tables]
