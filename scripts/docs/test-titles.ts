import { parseAst } from 'vitest/node'

/** One test, or one group of a table of tests, by everything that its title says, its `describe`s first. */
export interface Titled {
  readonly file: string
  readonly title: string
  /** Titles of the `describe`s around it, the outermost first. */
  readonly within: readonly string[]
  /** Texts of its table that its title may show. */
  readonly rows: readonly string[]
}

const RUNS = new Set(['test', 'it'])

/** Every test that a file holds and runs. Tests that are skipped or still to be written are none. */
export function testTitles(file: string, source: string): readonly Titled[] {
  const found: Titled[] = []
  const visit = (node: unknown, within: readonly string[]): void => {
    if (Array.isArray(node)) return node.forEach((one) => visit(one, within))
    if (!isNode(node)) return
    const call = titledCall(node)
    if (call === 'skipped') return
    if (call === null) return Object.values(node).forEach((child) => visit(child, within))
    if (RUNS.has(call.name)) found.push({ file, title: call.title, within, rows: call.rows })
    visit(node['arguments'], call.name === 'describe' ? [...within, call.title] : within)
  }
  visit(parseAst(source, { lang: 'ts' }).body, [])
  return found
}

interface Node {
  readonly type: string
  readonly [key: string]: unknown
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'

/** `test('…', …)`, `describe.each(table)('…', …)` and their like, unless they never run; null for everything else. */
function titledCall(
  node: Node,
): { readonly name: string; readonly title: string; readonly rows: readonly string[] } | 'skipped' | null {
  if (node.type !== 'CallExpression' || !Array.isArray(node['arguments'])) return null
  const [first] = node['arguments']
  const title = textOf(first)
  if (title === null) return null
  const chain: string[] = []
  const rows: string[] = []
  for (let callee = node['callee']; isNode(callee); ) {
    if (callee.type === 'Identifier') {
      chain.push(String(callee['name']))
      break
    }
    if (callee.type === 'MemberExpression' && isNode(callee['property'])) {
      chain.push(String(callee['property']['name']))
      callee = callee['object']
    } else if (callee.type === 'CallExpression') {
      rows.push(...textsIn(callee['arguments']))
      callee = callee['callee']
    } else return null
  }
  const name = chain.at(-1) ?? ''
  if (!RUNS.has(name) && name !== 'describe') return null
  if (chain.includes('skip') || chain.includes('todo')) return 'skipped'
  return { name, title, rows }
}

function textOf(node: unknown): string | null {
  if (!isNode(node)) return null
  if (node.type === 'Literal') return typeof node['value'] === 'string' ? node['value'] : null
  if (node.type !== 'TemplateLiteral' || !Array.isArray(node['quasis'])) return null
  return node['quasis'].map((quasi: unknown) => (isNode(quasi) ? cookedOf(quasi['value']) : '')).join('…')
}

function cookedOf(value: unknown): string {
  return typeof value === 'object' && value !== null && 'cooked' in value ? String(value.cooked) : ''
}

function textsIn(node: unknown): readonly string[] {
  if (Array.isArray(node)) return node.flatMap(textsIn)
  if (!isNode(node)) return []
  const own = textOf(node)
  return own === null ? Object.values(node).flatMap(textsIn) : [own]
}
