import { Document, isCollection, isMap, isNode, isScalar, isSeq, type Pair, visit, type YAMLMap } from 'yaml'
import type { Path } from '../../document/document.ts'
import { printable } from '../terminal.ts'

/** A comment at a place of a YAML text. */
export interface Remark {
  readonly at: Path
  readonly says: string
  readonly where: 'before' | 'beside'
}

const WIDTH = 120

/**
 * Plain values as a YAML text that people go on editing. Values and comments may come from a cluster that nobody knows yet: the
 * library quotes the ones, and the others are made printable, so that neither can end its line.
 */
export function yamlText(
  head: readonly string[],
  value: object,
  remarks: readonly Remark[],
  flat: ReadonlySet<string>,
): string {
  const document = new Document(value, { aliasDuplicateObjects: false })
  document.commentBefore = comment(head)
  visit(document, {
    Seq: (_key, node) => void (node.flow = node.items.every(isScalar)),
    Pair: (_key, { key, value }) => {
      if (isScalar(key) && flat.has(String(key.value)) && isCollection(value)) value.flow = true
    },
  })
  for (const remark of remarks) put(document, remark)
  return document.toString({ lineWidth: WIDTH })
}

function put(document: Document, { at, says, where }: Remark): void {
  const text = comment([says])
  if (where === 'beside') {
    const value = document.getIn(at, true)
    if (isNode(value)) value.comment = text
    return
  }
  const parent = document.getIn(at.slice(0, -1), true)
  const pair = isMap(parent) ? pairOf(parent, at.at(-1)) : undefined
  if (isNode(pair?.key)) pair.key.commentBefore = text
  else if (isSeq(parent)) {
    const item = parent.items[Number(at.at(-1))]
    if (isNode(item)) item.commentBefore = text
  }
}

function pairOf(map: YAMLMap, key: unknown): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key)
}

function comment(lines: readonly string[]): string {
  return lines.map((line) => ` ${printable(line)}`).join('\n')
}
