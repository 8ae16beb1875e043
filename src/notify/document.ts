/** What a mail says, before it is text or HTML. All strings are plain text; the renderers escape. */
export interface Document {
  readonly subject: string
  /** The first line: did it act, is it over, what do I do. */
  readonly lead: string
  readonly tone: 'bad' | 'waiting' | 'good'
  readonly sections: readonly Section[]
  /** Small print: what decided this, and where it is kept. */
  readonly foot: readonly string[]
}

export interface Section {
  readonly title: string
  readonly blocks: readonly Block[]
}

export type Block =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'facts'; readonly rows: readonly (readonly [name: string, value: string])[] }
  | { readonly type: 'list'; readonly items: readonly string[] }
  /** Printed lines, kept as they are. */
  | { readonly type: 'output'; readonly text: string }
  | { readonly type: 'links'; readonly links: readonly Link[] }

export interface Link {
  readonly label: string
  readonly url: string
}

/** Sections that have something to say. */
export function sections(...all: readonly (Section | null)[]): readonly Section[] {
  return all.filter((one): one is Section => one !== null && one.blocks.length > 0)
}

/** A link that a person may safely follow: http or https, no credentials in it, of sane length. Null otherwise. */
export function webLink(label: string, url: string | null | undefined): Link | null {
  if (!url || url.length > 2000) return null
  try {
    const parsed = new URL(url.trim())
    if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:') return null
    if (parsed.username !== '' || parsed.password !== '') return null
    return { label, url: parsed.href }
  } catch {
    return null
  }
}
