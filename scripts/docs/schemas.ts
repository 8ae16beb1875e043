import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { granted } from '../../src/rules/granted.ts'
import { type JsonSchema, jsonSchemas } from '../../src/rules/json-schema.ts'
import { MEANINGS } from './meanings.ts'

export type FileKind = 'config' | 'inventory' | 'rules'

/** A node of a JSON Schema, as far as it is read here. */
export interface Node {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Node | boolean
  readonly items?: Node
  readonly anyOf?: readonly Node[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
}

export interface Field {
  readonly path: string
  readonly node: Node
  readonly required: boolean
}

/** What stands in the registries is told beside them, not field by field. */
const REGISTERED = /^runbooks\.<name>\.(symptom|guards|rungs|verify)$/

/** Every field of a file, in the order of its schema: `[]` is an entry of a list, `<name>` a key that people choose. */
export function walk(schema: Node, path = ''): readonly Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, node]) => {
    const at = path === '' ? key : `${path}.${key}`
    const field = { path: at, node, required: schema.required?.includes(key) ?? false }
    return REGISTERED.test(at) ? [field] : [field, ...below(node, at)]
  })
}

function below(node: Node, at: string): readonly Field[] {
  if (node.items !== undefined) return below(node.items, `${at}[]`)
  if (typeof node.additionalProperties === 'object') return below(node.additionalProperties, `${at}.<name>`)
  return [node, ...(node.anyOf ?? [])].flatMap((one) => walk(one, at))
}

/** The file of each kind that ships: what it holds is shown as an example. */
const SHIPPED: Readonly<Record<FileKind, string>> = {
  config: 'config.example.yml',
  inventory: 'inventory.example.yml',
  rules: 'rules/kafka.yml',
}

/** The first value at a path of {@link walk} in a file, as a list of one; short enough to be read in an editor, or empty. */
function exampleAt(value: unknown, path: string): readonly unknown[] {
  const found = path.split(/\.(?=[a-z<])|(?=\[\])/).reduce<readonly unknown[]>(
    (inner, key) => {
      return inner.flatMap((one): readonly unknown[] => {
        if (typeof one !== 'object' || one === null) return []
        if (key === '[]' || key === '<name>') return Object.values(one)
        return key in one ? [(one as Readonly<Record<string, unknown>>)[key]] : []
      })
    },
    [value],
  )
  return found.filter((one) => JSON.stringify(one).length <= LONGEST_EXAMPLE).slice(0, 1)
}

const LONGEST_EXAMPLE = 120

/** The schemas with what each field means and an example, which editors show. */
export function describedSchemas(): Readonly<Record<FileKind, JsonSchema & Node>> {
  const schemas = structuredClone(jsonSchemas(granted)) as Record<FileKind, JsonSchema & Node>
  for (const kind of Object.keys(schemas) as FileKind[]) {
    const shipped: unknown = parse(readFileSync(join(import.meta.dirname, '../..', SHIPPED[kind]), 'utf8'))
    for (const { path, node } of walk(schemas[kind])) {
      const meaning = MEANINGS[kind][path]
      if (meaning === undefined) throw new Error(`scripts/docs/meanings.ts does not say what ${kind} ${path} means`)
      const examples = exampleAt(shipped, path)
      const description = meaning[1].replaceAll('`', '')
      Object.assign(node, { description, ...(examples.length > 0 && { examples }) })
    }
    const fields = new Set(walk(schemas[kind]).map(({ path }) => path))
    const stale = Object.keys(MEANINGS[kind]).filter((path) => !fields.has(path))
    if (stale.length > 0) throw new Error(`${kind} has no ${stale.join(', ')}`)
  }
  return schemas
}
