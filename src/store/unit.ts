import type { Compilable, Kysely } from 'kysely'
import type { Tables } from './tables.ts'

/** What both databases take and give back. Booleans are 0 and 1, instants are integers. */
export type Value = string | number | null

export type Values = Readonly<Record<string, Value>>

export type Queries = Kysely<Tables>

/** The text of a statement, written once. The driver compiles and prepares it for its database at first use. */
export interface Template {
  readonly build: (db: Queries, values: never) => Compilable
  /** False for a statement whose text depends on its values (filters): compiled each time. */
  readonly fixed: boolean
}

export interface Statement {
  readonly template: Template
  readonly values: Values
  readonly want: 'rows' | 'row' | 'changes'
}

/**
 * One transaction, written as a generator that yields statements and gets their answers. It can await nothing but the
 * database, by type (design 4.3): a driver runs it from begin to commit, on SQLite without leaving the stack.
 */
export type Unit<T> = Generator<Statement, T, unknown>

/** A statement together with the type of its rows. */
export interface Query<R> {
  readonly template: Template
  readonly values: Values
  /** Never there; carries the row type. */
  readonly row?: R
}

/** Stands for a value in a template while it is compiled. */
export class Parameter {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

/** Answers every name with the {@link Parameter} of that name. */
export const parameters: never = new Proxy(
  {},
  { get: (_target, name) => new Parameter(String(name)) },
) as unknown as never

/** A statement with a fixed text: compiled once, then only its values change. */
export function fixed<P extends Values, R>(build: (db: Queries, p: P) => Compilable<R>): (values: P) => Query<R> {
  const template: Template = { build, fixed: true }
  return (values) => ({ template, values })
}

/** A statement whose text depends on what is asked. */
export function query<R>(build: (db: Queries) => Compilable<R>): Query<R> {
  return { template: { build, fixed: false }, values: {} }
}

export function* all<R>({ template, values }: Query<R>): Unit<readonly R[]> {
  return (yield { template, values, want: 'rows' }) as readonly R[]
}

export function* one<R>({ template, values }: Query<R>): Unit<R | undefined> {
  return (yield { template, values, want: 'row' }) as R | undefined
}

/** Returns how many rows changed. */
export function* exec({ template, values }: Query<unknown>): Unit<number> {
  return (yield { template, values, want: 'changes' }) as number
}
