import type { IncomingMessage } from 'node:http'

/** `tooLarge`: over the cap, read to its end and thrown away. `aborted`: the sender is gone. */
export type ReadBody =
  | { readonly kind: 'read'; readonly bytes: Buffer }
  | { readonly kind: 'tooLarge' | 'noRoom' | 'aborted' }

/** Bytes of bodies that are being read, over all connections. */
export class ReadingBudget {
  #bytes = 0
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get full(): boolean {
    return this.#bytes >= this.#limit
  }

  add(bytes: number): void {
    this.#bytes += bytes
  }
}

/**
 * Reads a body up to `cap` bytes. More is read and dropped up to four times as much, so that the sender sees the answer
 * and not a broken connection; after that reading stops. Never rejects.
 */
export function readBody(stream: IncomingMessage, cap: number, budget: ReadingBudget): Promise<ReadBody> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let kept = 0
    let seen = 0
    let refused: 'tooLarge' | 'noRoom' | null = Number(stream.headers['content-length'] ?? 0) > cap ? 'tooLarge' : null

    const settle = (result: ReadBody): void => {
      budget.add(-kept)
      kept = 0
      chunks.length = 0
      stream.off('data', take)
      stream.off('end', end)
      stream.off('close', gone)
      stream.off('error', gone)
      // A late error without a listener would end the process.
      stream.on('error', () => {})
      resolve(result)
    }
    const refuse = (why: 'tooLarge' | 'noRoom'): void => {
      refused = why
      budget.add(-kept)
      kept = 0
      chunks.length = 0
    }
    const take = (chunk: Buffer): void => {
      seen += chunk.length
      if (refused === null && seen > cap) refuse('tooLarge')
      if (refused === null && budget.full) refuse('noRoom')
      if (refused === null) {
        chunks.push(chunk)
        kept += chunk.length
        budget.add(chunk.length)
      } else if (seen > 4 * cap) {
        stream.pause()
        settle({ kind: refused })
      }
    }
    const end = (): void =>
      settle(
        refused === null
          ? { kind: 'read', bytes: chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks) }
          : { kind: refused },
      )
    const gone = (): void => settle({ kind: 'aborted' })

    stream.on('data', take)
    stream.on('end', end)
    stream.on('close', gone)
    stream.on('error', gone)
  })
}
