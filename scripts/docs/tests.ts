import { testsJsonSchema } from '../../src/rule-tests/json-schema.ts'
import type { JsonSchema } from '../../src/rules/json-schema.ts'
import { type Node, walk } from './schemas.ts'
import { code, table } from './table.ts'

/** Files that test rules: what their fields mean stands in the schema itself. */

type Whole = JsonSchema & Node & { readonly $defs: Readonly<Record<string, Node>> }

/** For editors. */
export function testsSchema(): Whole {
  return testsJsonSchema() as Whole
}

export function testsPage(head: string): string {
  const schema = testsSchema()
  return [
    head,
    'How to write them: [testing-rules.md](../testing-rules.md).',
    fieldsTable(schema),
    ...Object.entries(schema.$defs).flatMap(([name, node]) => [`## ${name}`, fieldsTable(node)]),
  ].join('\n\n')
}

/** Variants of one thing have fields in common: each is one row, and required where all variants want it. */
function fieldsTable(schema: Node): string {
  const { additionalProperties: clusters } = schema
  const whole = typeof clusters === 'object' ? { ...schema.properties, '<cluster>': clusters } : schema.properties
  const byPath = Map.groupBy(walk({ ...schema, properties: whole ?? {} }), ({ path }) => path)
  const rows = [...byPath].map(([path, fields]) => [
    code(path),
    unique(fields.map(({ node }) => typeOf(node))).join(', '),
    fields.every(({ required }) => required) && !isVariant(schema, path) ? '*required*' : '',
    unique(fields.flatMap(({ node }) => node.description ?? [])).join('; '),
  ])
  return table(['field', 'type', '', 'meaning'], rows)
}

/** Fields that only some of several shapes have. */
function isVariant(schema: Node, path: string): boolean {
  const parent = path.replace(/\.[^.]+$/, '').replace(/\[\]$/, '')
  const found = walk(schema).find((field) => field.path === parent)?.node.items?.anyOf ?? []
  const own = path.split('.').at(-1) ?? ''
  return found.some(({ properties = {} }) => !(own in properties))
}

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)]
}

/** More words are told elsewhere. */
const MOST_WORDS = 13

function typeOf(node: Node & { readonly $ref?: string }): string {
  if (node.$ref !== undefined) return `[${node.$ref.split('/').at(-1)}](#${node.$ref.split('/').at(-1)})`
  if (node.anyOf !== undefined) return unique(node.anyOf.map(typeOf)).join(', or ')
  if (node.const !== undefined) return code(node.const)
  if (node.enum !== undefined && node.enum.length > MOST_WORDS) return 'text'
  if (node.enum !== undefined) return node.enum.map(code).join(', ')
  if (node.type === 'array') return node.items === undefined ? 'list' : `list of ${typeOf(node.items)}`
  return NAMES[node.type ?? ''] ?? node.type ?? 'anything'
}

const NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'number',
  boolean: 'true, false',
  object: 'mapping',
  null: '`null`',
}
