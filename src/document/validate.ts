import { z } from 'zod'
import { type Complain, complainTo, type Path, type SourceDocument } from './document.ts'
import { type Problem, suggestion } from './problem.ts'

export type Validated<T> = { readonly ok: T } | { readonly problems: readonly Problem[] }

/** Checks `value`, which stands at `path` of the document, and says everything that is wrong with it at its own place. */
export function validate<S extends z.ZodType>(
  document: Pick<SourceDocument, 'file' | 'at'>,
  value: unknown,
  schema: S,
  path: Path = [],
): Validated<z.output<S>> {
  const result = schema.safeParse(value)
  if (result.success) return { ok: result.data }
  const problems: Problem[] = []
  report(result.error.issues, { schema, value, path, shown: [], complain: complainTo(problems, document) })
  return { problems }
}

interface Subject {
  readonly schema: z.ZodType
  readonly value: unknown
  /** Where the value stands in the document. */
  readonly path: Path
  /** The part of `path` that messages name. */
  readonly shown: Path
  readonly complain: Complain
}

function report(issues: readonly z.core.$ZodIssue[], subject: Subject): void {
  for (const issue of issues) reportOne(issue, subject)
}

function reportOne(issue: z.core.$ZodIssue, { schema, value, path, shown, complain }: Subject): void {
  const inner = issue.path.filter((step) => typeof step !== 'symbol')
  const at = [...path, ...inner]
  const name = pathText([...shown, ...inner])
  const label = name === '' ? '' : `${name}: `
  const seen = lookUp(value, inner)
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = knownKeys(schemaAt(schema, inner))
      for (const key of issue.keys) complain([...at, key], `unknown key "${key}"${suggestion(key, known)}`, 'key')
      return
    }
    case 'invalid_union': {
      report(nearestBranch(issue), {
        schema: schemaAt(schema, inner) ?? schema,
        value: seen,
        path: at,
        shown: [...shown, ...inner],
        complain,
      })
      return
    }
    case 'invalid_value': {
      if (seen === undefined) break
      if (!issue.message.startsWith('Invalid')) {
        complain(at, `${label}${issue.message}`)
        return
      }
      const wanted = issue.values.map(String)
      const near = typeof seen === 'string' ? suggestion(seen, wanted) : ''
      complain(at, `${label}expected ${list(wanted)}, got ${show(seen)}${near}`)
      return
    }
    case 'invalid_type':
      if (seen === undefined) break
      complain(
        at,
        `${label}${issue.message.startsWith('Invalid input') ? `expected ${article(issue.expected)}, got ${kindOf(seen)}` : issue.message}`,
      )
      return
    case 'too_big':
    case 'too_small':
    case 'invalid_format':
    case 'not_multiple_of':
    case 'invalid_element':
    case 'custom':
      if (seen === undefined && inner.length > 0) break
      complain(at, `${label}${limitText(issue) ?? issue.message}`)
      return
    case 'invalid_key':
      for (const { message } of issue.issues) complain(at, `${label}${message}`, 'key')
      return
  }
  complain(at, `"${name}" is missing`)
}

/** Of a union's branches the one that agrees with most of what was written: complaints deep inside beat those about the type. */
function nearestBranch(issue: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] {
  const depth = (issues: readonly z.core.$ZodIssue[]): number =>
    Math.min(...issues.map(({ path, code }) => path.length * 2 + (code === 'invalid_type' ? 0 : 1)))
  const branches = issue.errors.filter((branch) => branch.length > 0)
  const [first, ...others] = branches
  if (first === undefined) return [{ code: 'custom', path: [], message: issue.message, input: undefined }]
  return others.reduce((best, branch) => (depth(branch) > depth(best) ? branch : best), first)
}

/** The schemas that may describe the value at `path` below `schema`, as far as objects, lists and wrappers show. */
function schemaAt(schema: z.ZodType, path: Path): z.ZodType | null {
  let current: z.ZodType | null = schema
  for (const step of path) {
    if (current === null) return null
    current = childOf(unwrap(current), step)
  }
  return current
}

function childOf(schema: z.ZodType, step: string | number): z.ZodType | null {
  if (schema instanceof z.ZodObject) return (schema.shape as Record<string, z.ZodType>)[String(step)] ?? null
  if (schema instanceof z.ZodArray) return schema.element as z.ZodType
  if (schema instanceof z.ZodRecord) return schema.valueType as z.ZodType
  if (schema instanceof z.ZodUnion) {
    const children = (schema.options as z.ZodType[]).flatMap((option) => childOf(unwrap(option), step) ?? [])
    return children.length === 0 ? null : children.length === 1 ? (children[0] ?? null) : z.union(children)
  }
  return null
}

function knownKeys(schema: z.ZodType | null): readonly string[] {
  if (schema === null) return []
  const inner = unwrap(schema)
  if (inner instanceof z.ZodObject) return Object.keys(inner.shape)
  if (inner instanceof z.ZodUnion) return (inner.options as z.ZodType[]).flatMap(knownKeys)
  return []
}

function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodPipe) return unwrap(schema.in as z.ZodType)
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly
  ) {
    return unwrap(schema.unwrap() as z.ZodType)
  }
  return schema
}

function lookUp(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, step) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[step] : undefined,
    value,
  )
}

function pathText(path: Path): string {
  return path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i > 0 ? `.${step}` : step)).join('')
}

/** Zod's own words for a limit, said plainly; null where the schema brought its own. */
function limitText(issue: z.core.$ZodIssue): string | null {
  if (issue.code === 'too_big' && issue.message.startsWith('Too big')) {
    if (issue.origin === 'string' || issue.origin === 'array') return `must not be longer than ${issue.maximum}`
    return `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`
  }
  if (issue.code === 'too_small' && issue.message.startsWith('Too small')) {
    if (issue.origin === 'string' || issue.origin === 'array') return `must not be shorter than ${issue.minimum}`
    return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`
  }
  return null
}

function list(values: readonly string[]): string {
  return values.length === 1 ? `"${values[0]}"` : `one of ${values.join(', ')}`
}

function show(value: unknown): string {
  return typeof value === 'object' ? kindOf(value) : JSON.stringify(value)
}

/** Says what kind of value was found, never the value: it may be a secret in the wrong place. */
function kindOf(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  return `a ${typeof value}`
}

function article(expected: string): string {
  const words: Readonly<Record<string, string>> = {
    object: 'a mapping',
    record: 'a mapping',
    array: 'a list',
    tuple: 'a list',
    int: 'a whole number',
    boolean: 'true or false',
  }
  return words[expected] ?? `a ${expected}`
}
