import { assertNever } from '../never.ts'
import type { Block, Document } from './document.ts'

/** The mail as text: reads without a mouse, and in a pager. */
export function renderText({ lead, sections, foot }: Document): string {
  const parts = [lead]
  for (const { title, blocks } of sections) {
    parts.push(`${title.toUpperCase()}\n${blocks.map(block).join('\n\n')}`)
  }
  if (foot.length > 0) parts.push(`-- \n${foot.join('\n')}`)
  return `${parts.join('\n\n')}\n`
}

function block(one: Block): string {
  switch (one.type) {
    case 'text':
      return one.text
    case 'facts': {
      const width = Math.min(18, Math.max(...one.rows.map(([name]) => name.length)))
      return one.rows.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${value}`).join('\n')
    }
    case 'list':
      return one.items.map((item) => `- ${item}`).join('\n')
    case 'output':
      return one.text
        .split('\n')
        .map((printed) => `    ${printed}`)
        .join('\n')
    case 'links':
      return one.links.map(({ label, url }) => `${label}:\n  ${url}`).join('\n')
    default:
      return assertNever(one, 'block')
  }
}
