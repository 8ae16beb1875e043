import { ConfigFile } from '../../src/config-schema.ts'
import { formatDuration } from '../../src/duration.ts'
import { addressText } from '../../src/inventory/address.ts'
import { InventoryFile } from '../../src/inventory/schema.ts'
import { Rule, Runbook } from '../../src/rules/schema.ts'
import { MEANINGS } from './meanings.ts'
import { type FileKind, type Node, walk } from './schemas.ts'
import { code } from './table.ts'

export interface FieldRow {
  readonly path: string
  readonly type: string
  readonly fallback: string
  readonly text: string
}

/** The smallest files that are valid and still have every section, read by the schemas: what they fill in is a default. */
const smallest: Readonly<Record<FileKind, unknown>> = {
  config: ConfigFile.parse({
    webhook: { credentials: [{}] },
    api: { credentials: [{}] },
    prometheus: { url: 'http://localhost' },
    alertmanagers: [{ url: 'http://localhost' }],
    smtp: { host: 'localhost', from: 'a@example.org', backup: { host: 'localhost' } },
  }),
  inventory: InventoryFile.parse({
    clusters: {
      name: {
        bootstrap: ['localhost:9092'],
        connection: {},
        brokers: [{ id: 1, host: 'localhost', unit: { name: 'a.service' }, data: [{ path: '/' }], connection: {} }],
        exporters: [{ name: 'a', host: 'localhost', unit: { name: 'a.service' }, connection: {} }],
      },
    },
  }),
  rules: {
    rules: [
      Rule.parse({
        name: 'a',
        match: ['a=b'],
        target: { broker: 'from-labels' },
        runbook: 'a',
        escalation: { to: ['a'], levels: [{ to: ['a'], after: '1m' }] },
      }),
    ],
    runbooks: { name: Runbook.parse({ rungs: [[{ a: {} }]], verify: [{ probe: 'a', within: '1m' }] }) },
  },
}

export function fieldsOf(schema: Node, kind: FileKind): readonly FieldRow[] {
  return walk(schema).map(({ path, node, required }) => {
    const [type, text, said] = MEANINGS[kind][path] ?? ['', '']
    const found = required ? undefined : shown(valueAt(smallest[kind], path), type)
    return { path, type: typed(node, type), fallback: required ? '*required*' : (said ?? found ?? ''), text }
  })
}

function valueAt(value: unknown, path: string): unknown {
  const keys = path.replaceAll('<name>', 'name').split(/\.(?=[a-z<])|(?=\[\])/)
  return keys.reduce<unknown>((inner, key) => {
    if (typeof inner !== 'object' || inner === null) return undefined
    return key === '[]' && Array.isArray(inner) ? inner[0] : (inner as Readonly<Record<string, unknown>>)[key]
  }, value)
}

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** A default as one would write it; undefined where there is none, or where its parts stand on lines of their own. */
function shown(value: unknown, type: string): string | undefined {
  if (value === undefined) return undefined
  if (type === 'duration' && typeof value === 'number') return `\`${formatDuration(value)}\``
  if (type === 'size' && typeof value === 'number') {
    const power = Math.floor(Math.log2(value) / 10)
    return `\`${value / 1024 ** power}${SIZES[power] ?? ''}\``
  }
  if (type === 'host:port') return `\`${addressText(value as { host: string; port: number })}\``
  if (Array.isArray(value)) {
    return value.every((item) => typeof item === 'string') ? `\`[${value.join(', ')}]\`` : undefined
  }
  return typeof value === 'object' ? undefined : code(value)
}

/** The written type, with what the schema says of its bounds. */
function typed(node: Node, type: string): string {
  const all = [node, ...(node.anyOf ?? [])]
  const choices = all.find((one) => one.enum !== undefined && one.type === 'string')?.enum
  if (type === 'choice') return (choices ?? [node.const]).map((choice) => code(choice)).join(', ')
  const bounded = all.find((one) => one.minimum !== undefined || one.maximum !== undefined)
  if (bounded === undefined || type !== 'number') return type
  return `number, ${bounded.minimum ?? '…'} to ${bounded.maximum ?? '…'}`
}
