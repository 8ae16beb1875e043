/** How much of each end of an output is kept, in bytes. */
const KEPT_BYTES = 65_536

/** Keeps the head and the tail of a stream; takes in everything, so that the writer never notices. */
export interface Transcript {
  push(chunk: Buffer): void
  /** Head, a line that counts what was left out, tail; secrets replaced, also those the cut went through. */
  text(): string
}

export function openTranscript(redact: Redactor, keptBytes = KEPT_BYTES): Transcript {
  const head: Buffer[] = []
  let headBytes = 0
  let tail: Buffer[] = []
  let tailBytes = 0
  let total = 0

  const trimTail = () => {
    const all = Buffer.concat(tail)
    tail = [all.subarray(Math.max(0, all.length - keptBytes))]
    tailBytes = tail[0]?.length ?? 0
  }

  return {
    push(chunk) {
      total += chunk.length
      const room = keptBytes - headBytes
      if (room > 0) {
        const first = chunk.subarray(0, room)
        head.push(Buffer.from(first))
        headBytes += first.length
      }
      if (chunk.length <= Math.max(0, room)) return
      tail.push(Buffer.from(chunk.subarray(Math.max(0, room)).subarray(-keptBytes)))
      tailBytes += tail.at(-1)?.length ?? 0
      // Trimmed once it has doubled, so that many small chunks cost no copy each.
      if (tailBytes > 2 * keptBytes) trimTail()
    },
    text() {
      if (tailBytes > keptBytes) trimTail()
      const leftOut = total - headBytes - tailBytes
      if (leftOut === 0) return redact.whole(Buffer.concat([...head, ...tail]).toString('utf8'))
      const start = redact.whole(redact.cutEnd(Buffer.concat(head).toString('utf8')))
      const end = redact.whole(redact.cutStart(Buffer.concat(tail).toString('utf8')))
      return `${start}\n[… ${leftOut} bytes left out …]\n${end}`
    },
  }
}

/** Takes secrets out of text that people will read. */
export interface Redactor {
  whole(text: string): string
  /** The text without a secret's beginning at its end. */
  cutEnd(text: string): string
  /** The text without a secret's ending at its start. */
  cutStart(text: string): string
}

/** Shorter ones would eat ordinary words. */
const SHORTEST_SECRET = 4
const REPLACEMENT = '[redacted]'

/** @param secrets values that must not be shown; those shorter than four characters are not looked for. */
export function redactorOf(secrets: readonly string[]): Redactor {
  // Longest first: a secret may contain another.
  const known = [...new Set(secrets)].filter((s) => s.length >= SHORTEST_SECRET).toSorted((a, b) => b.length - a.length)
  return {
    whole: (text) => known.reduce((rest, secret) => rest.replaceAll(secret, REPLACEMENT), text),
    cutEnd(text) {
      const cut = Math.max(0, ...known.map((secret) => overlap(text, secret)))
      return cut === 0 ? text : text.slice(0, -cut) + REPLACEMENT
    },
    cutStart(text) {
      const cut = Math.max(0, ...known.map((secret) => overlap(secret, text)))
      return cut === 0 ? text : REPLACEMENT + text.slice(cut)
    },
  }
}

/** How many characters at the end of `first` are the beginning of `second`, not counting all of either. */
function overlap(first: string, second: string): number {
  for (let length = Math.min(first.length, second.length) - 1; length > 0; length--) {
    if (first.endsWith(second.slice(0, length))) return length
  }
  return 0
}
