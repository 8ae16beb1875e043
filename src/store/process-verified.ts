import type { Verifying } from '../incident/incident.ts'
import { processVerified, read } from './json.ts'
import { fixed, one, type Unit } from './unit.ts'

const bodyOf = fixed((db, p: { incident: number }) =>
  db.selectFrom('incidents').select('body').where('id', '=', p.incident),
)

/** What was last seen of the process that the incident verifies; null where it verifies none. */
export function* processVerifiedBy(incident: number): Unit<Verifying['process']> {
  const row = yield* one(bodyOf({ incident }))
  return row ? (read(processVerified, row.body, `incident ${incident}`).verifying?.process ?? null) : null
}
