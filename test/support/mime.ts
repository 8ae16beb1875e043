/** A received message, taken apart far enough to be asserted on. */
export interface ReadMail {
  /** Unfolded and decoded (RFC 2047), names in lower case; the first of each name. */
  readonly headers: ReadonlyMap<string, string>
  /** As they stood on the wire, unfolded. */
  readonly rawHeaders: readonly string[]
  readonly text: string
  readonly html: string | null
}

interface Part {
  readonly headers: ReadonlyMap<string, string>
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export function readMail(raw: string): ReadMail {
  const top = partOf(raw)
  const parts = leaves(top)
  const of = (type: string) => parts.find((part) => (part.headers.get('content-type') ?? 'text/plain').startsWith(type))
  const html = of('text/html')
  const text = of('text/plain')
  return {
    headers: top.headers,
    rawHeaders: top.rawHeaders,
    text: text ? decoded(text) : '',
    html: html ? decoded(html) : null,
  }
}

function partOf(raw: string): Part {
  const normal = raw.replace(/\r\n/g, '\n')
  const end = normal.indexOf('\n\n')
  const head = end < 0 ? normal : normal.slice(0, end)
  const rawHeaders = head.replace(/\n[ \t]+/g, ' ').split('\n')
  const headers = new Map<string, string>()
  for (const header of rawHeaders) {
    const colon = header.indexOf(':')
    const name = header.slice(0, colon).toLowerCase()
    if (!headers.has(name)) headers.set(name, words(header.slice(colon + 1).trim()))
  }
  return { headers, rawHeaders, body: end < 0 ? '' : normal.slice(end + 2) }
}

function leaves(part: Part): readonly Part[] {
  const boundary = /boundary="?([^";]+)"?/.exec(part.headers.get('content-type') ?? '')?.[1]
  if (boundary === undefined) return [part]
  return part.body
    .split(`--${boundary}`)
    .slice(1, -1)
    .flatMap((one) => leaves(partOf(one.replace(/^\n/, ''))))
}

function decoded({ headers, body }: Part): string {
  const encoding = headers.get('content-transfer-encoding')?.toLowerCase()
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8')
  if (encoding === 'quoted-printable') return quotedPrintable(body.replace(/=\n/g, ''))
  return body
}

function quotedPrintable(text: string): string {
  const bytes: number[] = []
  for (let i = 0; i < text.length; i++) {
    const hex = text[i] === '=' ? /^[0-9A-Fa-f]{2}/.exec(text.slice(i + 1, i + 3))?.[0] : undefined
    if (hex === undefined) bytes.push(...Buffer.from(text[i] ?? '', 'utf8'))
    else {
      bytes.push(Number.parseInt(hex, 16))
      i += 2
    }
  }
  return Buffer.from(bytes).toString('utf8')
}

/** Encoded words; white space between two of them is not part of the text. */
function words(value: string): string {
  return value
    .replace(/(=\?[^?]+\?[bqBQ]\?[^?]*\?=)\s+(?==\?)/g, '$1')
    .replace(/=\?[^?]+\?([bqBQ])\?([^?]*)\?=/g, (_, kind: string, body: string) =>
      kind.toUpperCase() === 'B'
        ? Buffer.from(body, 'base64').toString('utf8')
        : quotedPrintable(body.replaceAll('_', ' ')),
    )
}
