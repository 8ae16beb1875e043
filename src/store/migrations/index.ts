import type { Dialect } from '../dialect.ts'
import type { Query } from '../unit.ts'
import { tables } from './0001-tables.ts'
import { approvals } from './0002-approvals.ts'
import { worldMemory } from './0003-world-memory.ts'
import { storms } from './0004-storms.ts'
import { windows } from './0005-windows.ts'
import { revisions } from './0006-revisions.ts'
import { trackRecords } from './0007-track-records.ts'
import { traces } from './0008-traces.ts'
import { leaderless } from './0009-leaderless.ts'

/** Numbered from 1 by position. A step that was released is never changed; a new one is added at the end. */
export const migrations: readonly ((dialect: Dialect) => readonly Query<unknown>[])[] = [
  tables,
  approvals,
  worldMemory,
  storms,
  windows,
  revisions,
  trackRecords,
  traces,
  leaderless,
]
