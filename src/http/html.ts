/** Markup that is already safe. Only {@link html} makes it. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

type Hole = Html | string | number | null | undefined | false | readonly Hole[]

/**
 * Markup with every hole escaped, in text and in double-quoted attributes alike. Holes that are themselves {@link Html}
 * (or lists of it) go in as they are; null, undefined and false leave nothing.
 */
export function html(parts: TemplateStringsArray, ...holes: readonly Hole[]): Html {
  return new Html(parts.reduce((text, part, index) => text + fill(holes[index - 1]) + part))
}

function fill(hole: Hole): string {
  if (hole === null || hole === undefined || hole === false) return ''
  if (hole instanceof Html) return hole.text
  if (typeof hole === 'object') return hole.map(fill).join('')
  return escapeHtml(String(hole))
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}
