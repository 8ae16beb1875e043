import type { z } from 'zod'
import type { Values } from '../actions/action.ts'
import { interpolationProblems } from '../actions/interpolate.ts'
import { complainTo, type Path, type SourceDocument } from '../document/document.ts'
import { type Problem, suggestion } from '../document/problem.ts'
import { validate } from '../document/validate.ts'
import type { Check, Plan, Step } from '../incident/plan.ts'
import type { TargetKind } from '../inventory/inventory.ts'
import type { Powers } from './powers.ts'
import type { RunbookFields } from './schema.ts'

/** A runbook as written, and where. */
export interface WrittenRunbook {
  readonly name: string
  readonly fields: RunbookFields
  readonly document: SourceDocument
  readonly path: Path
}

/**
 * Asks the registries about every step, probe and guard of a runbook for one kind of target. `kind` null checks only what
 * holds for every kind (a runbook that no rule uses).
 */
export function compileRunbook(
  { name, fields, document, path }: WrittenRunbook,
  kind: TargetKind | null,
  powers: Powers,
  problems: Problem[],
): Plan['runbook'] {
  const complain = complainTo(problems, document)

  const parametersOf = (schema: z.ZodType, value: unknown, at: Path): Check['params'] => {
    const checked = validate(document, value ?? {}, schema, at)
    if ('problems' in checked) problems.push(...checked.problems)
    return 'ok' in checked ? (checked.ok as Check['params']) : {}
  }

  /** References are checked where the parameters have the right shape: a wrong shape is one mistake, not two. */
  const references = (params: Check['params'], at: Path, spaces?: readonly (keyof Values)[]): void => {
    for (const problem of interpolationProblems(params, spaces)) complain([...at, ...problem.path], problem.message)
  }

  const known = <T extends { readonly type: string }>(
    type: string,
    all: readonly T[],
    what: 'action' | 'guard' | 'probe',
    at: Path,
  ): T | null => {
    const found = all.find((each) => each.type === type)
    if (found !== undefined) return found
    const types = all.map((each) => each.type)
    complain(
      at,
      `there is no ${what} "${type}"${suggestion(type, types) || ` (there are: ${types.join(', ')})`}`,
      what === 'probe' ? 'value' : 'key',
    )
    return null
  }

  const fits = (
    entry: { readonly type: string; readonly targets: readonly TargetKind[] },
    what: string,
    at: Path,
  ): boolean => {
    if (kind === null || entry.targets.includes(kind)) return true
    complain(
      at,
      `the ${what} "${entry.type}" is for ${entry.targets.join(', ')}, not for the target ${kind} of a rule that uses this runbook`,
    )
    return false
  }

  const single = (
    entry: Readonly<Record<string, unknown>>,
    what: string,
    at: Path,
  ): readonly [string, unknown] | null => {
    const [only, ...others] = Object.entries(entry)
    if (only !== undefined && others.length === 0) return only
    complain(
      at,
      `expected one ${what} and its parameters, such as { ${what === 'action' ? 'systemd: { verb: start }' : 'name: {}'} }`,
    )
    return null
  }

  const step = (entry: Readonly<Record<string, unknown>>, at: Path): readonly Step[] => {
    const written = single(entry, 'action', at)
    if (written === null) return []
    const [type, value] = written
    const action = known(type, powers.actions, 'action', [...at, type])
    if (action === null || !fits(action, 'action', [...at, type])) return []
    const before = problems.length
    const params = parametersOf(action.params, value, [...at, type])
    references(params, [...at, type])
    if (problems.length > before || kind === null) return []
    return [{ type, params, traits: action.traits(params, kind) }]
  }

  const guard = (entry: string | Readonly<Record<string, unknown>>, at: Path): readonly Check[] => {
    const written = typeof entry === 'string' ? ([entry, {}] as const) : single(entry, 'guard', at)
    if (written === null) return []
    const [type, value] = written
    const place = typeof entry === 'string' ? at : [...at, type]
    const found = known(type, powers.guards, 'guard', place)
    if (found === null) return []
    if (type === 'symptom') complain(place, 'the symptom stands on its own: `symptom: { … }` in the runbook')
    if (found.kind === 'own') {
      if (Object.keys(value ?? {}).length > 0) complain(place, `the guard "${type}" has no parameters`)
      return [{ type, params: {} }]
    }
    return fits(found, 'guard', place) ? [{ type, params: parametersOf(found.params, value, place) }] : []
  }

  const symptom = (): Check | null => {
    if (fields.symptom === undefined) return null
    const at = [...path, 'symptom']
    const found = powers.guards.find((each) => each.type === 'symptom')
    if (found?.kind !== 'world') {
      complain(at, 'this build has no guard "symptom"', 'key')
      return null
    }
    return fits(found, 'guard', at) ? { type: 'symptom', params: parametersOf(found.params, fields.symptom, at) } : null
  }

  return {
    name,
    url: fields.url ?? null,
    symptom: symptom(),
    guards: fields.guards.flatMap((entry, index) => guard(entry, [...path, 'guards', index])),
    rungs: fields.rungs.map((rung, r) => rung.flatMap((entry, s) => step(entry, [...path, 'rungs', r, s]))),
    verify: fields.verify.flatMap(({ probe: type, within, ...value }, index) => {
      const at = [...path, 'verify', index]
      const probe = known(type, powers.probes, 'probe', [...at, 'probe'])
      if (probe === null || !fits(probe, 'probe', [...at, 'probe'])) return []
      const params = parametersOf(probe.params, value, at)
      references(params, at, ['target'])
      return [{ type, withinMs: within, params }]
    }),
  }
}
