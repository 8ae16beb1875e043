const [OPEN_LIST, CLOSE_LIST, OPEN, CLOSE, QUOTE, BACKSLASH, COMMA] = [...Buffer.from('[]{}"\\,')]
const BLANKS: ReadonlySet<number | undefined> = new Set(Buffer.from(' \t\r\n'))

/**
 * The objects of a JSON array, as their bytes come: neither the text nor all of them are ever held at once. Throws when it
 * is no array of objects, or ends before its end.
 */
export async function* elements(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly unknown[]> {
  let place: 'before' | 'within' | 'after' = 'before'
  let depth = 0
  let inText = false
  let escaped = false
  let rest: Uint8Array[] = []
  for await (const chunk of chunks) {
    const found: unknown[] = []
    let begin = 0
    // Only ASCII has a meaning here, and no byte of a longer UTF-8 sequence looks like it.
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]
      if (depth === 0) {
        if (BLANKS.has(byte)) continue
        if (place === 'before' && byte === OPEN_LIST) place = 'within'
        else if (place === 'within' && byte === CLOSE_LIST) place = 'after'
        else if (place === 'within' && byte === OPEN) {
          depth = 1
          begin = at
        } else if (place !== 'within' || byte !== COMMA) throw new Error('unexpected answer: no list of objects')
      } else if (inText) {
        if (escaped) escaped = false
        else if (byte === BACKSLASH) escaped = true
        else if (byte === QUOTE) inText = false
      } else if (byte === QUOTE) inText = true
      else if (byte === OPEN || byte === OPEN_LIST) depth += 1
      else if (byte === CLOSE || byte === CLOSE_LIST) {
        depth -= 1
        if (depth > 0) continue
        found.push(JSON.parse(Buffer.concat([...rest, chunk.subarray(begin, at + 1)]).toString('utf8')))
        rest = []
      }
    }
    if (depth > 0) rest.push(chunk.subarray(begin))
    if (found.length > 0) yield found
  }
  if (place !== 'after') throw new Error('unexpected answer: it ends before its end')
}
