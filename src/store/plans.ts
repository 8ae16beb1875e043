import { createHash } from 'node:crypto'
import { deflateSync, inflateSync } from 'node:zlib'
import type { Plan } from '../incident/plan.ts'
import { plan as planSchema, read } from './json.ts'
import { exec, fixed, one, type Unit } from './unit.ts'

/** Plans are few and large; so many are kept read. */
const MOST_READ = 500

const hashes = new WeakMap<Plan, { readonly hash: string; readonly json: string | null }>()
/** By content hash, so it holds for every database. */
const plans = new Map<string, Plan>()

const planBody = fixed((db, p: { hash: string }) => db.selectFrom('plans').select('body').where('hash', '=', p.hash))
const hasPlan = fixed((db, p: { hash: string }) => db.selectFrom('plans').select('hash').where('hash', '=', p.hash))
const insertPlan = fixed((db, p: { hash: string; body: string }) =>
  db
    .insertInto('plans')
    .values({ hash: p.hash, body: p.body })
    .onConflict((c) => c.doNothing()),
)

/** Stores a plan once by what it says; returns its content hash. */
export function* keepPlan(plan: Plan): Unit<string> {
  const { hash, json } = hashed(plan)
  if (!(yield* one(hasPlan({ hash })))) {
    yield* exec(insertPlan({ hash, body: deflateSync(json ?? JSON.stringify(plan)).toString('base64') }))
  }
  return hash
}

export function hashOf(plan: Plan): string {
  return hashed(plan).hash
}

export function* planOf(hash: string): Unit<Plan> {
  const known = plans.get(hash)
  if (known) return known
  const row = yield* one(planBody({ hash }))
  if (!row) throw new Error(`the plan ${hash} is gone`)
  const plan = read(planSchema, inflateSync(Buffer.from(row.body, 'base64')).toString('utf8'), `plan ${hash}`)
  if (plans.size >= MOST_READ) plans.clear()
  plans.set(hash, plan)
  hashes.set(plan, { hash, json: null })
  return plan
}

function hashed(plan: Plan): { readonly hash: string; readonly json: string | null } {
  const known = hashes.get(plan)
  if (known) return known
  const json = JSON.stringify(plan)
  const made = { hash: createHash('sha256').update(json).digest('hex'), json }
  hashes.set(plan, made)
  return made
}
