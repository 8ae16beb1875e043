import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { z } from 'zod'

/** An HTTP API, as a configuration or a command line names it. */
export interface Source {
  /** Without `/api/…`, with any path prefix. */
  readonly url: string
  /** Sent with every request, e.g. `authorization`. */
  readonly headers?: Readonly<Record<string, string>>
  /** PEM file of the authorities to believe instead of the system's own. Read for every question: it may be renewed. */
  readonly caFile?: string | null
  /** PEM file of the one certificate to believe, whoever signed it and whatever name it carries. */
  readonly certFile?: string | null
  /** For each question, answer included. Milliseconds. */
  readonly timeoutMs: number
}

export interface Message {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** With the query. */
  readonly path: string
  readonly body?: { readonly type: string; readonly text: string }
  readonly largestAnswerBytes?: number
  readonly signal?: AbortSignal
}

export interface Answer {
  readonly status: number
  /** Without its parameters; empty where the answer names none. */
  readonly type: string
  readonly body: AsyncIterable<Uint8Array>
}

/** Ten thousand alerts take about 8 MB. What no webhook could bring, being over 16 MiB, must fit in here. */
const LARGEST_ANSWER_BYTES = 64 * 1024 * 1024

/** Where a path of the source is. */
export function whereOf({ url }: Pick<Source, 'url'>, path: string): URL {
  return new URL(url.replace(/\/+$/, '') + path)
}

/**
 * One message and its answer, of whatever status: never retried, never redirected, hard deadline, which also bounds `read`.
 * By node:http and not by fetch, which takes no certificate authority of its own.
 */
export async function exchange<T>(source: Source, message: Message, read: (answer: Answer) => Promise<T>): Promise<T> {
  const late = AbortSignal.timeout(source.timeoutMs)
  try {
    const answer = await send(source, message, late)
    return await read({
      status: answer.statusCode ?? 0,
      type: (answer.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '',
      body: capped(answer, message.largestAnswerBytes ?? LARGEST_ANSWER_BYTES),
    })
  } catch (error) {
    // An answer that is cut off half-way says only that it was.
    throw late.aborted ? late.reason : error
  }
}

async function send(
  source: Source,
  { method, path, body, signal }: Message,
  late: AbortSignal,
): Promise<IncomingMessage> {
  const where = whereOf(source, path)
  const options = {
    method,
    headers: { accept: 'application/json', ...(body && { 'content-type': body.type }), ...source.headers },
    signal: signal ? AbortSignal.any([signal, late]) : late,
    ...(await trust(source)),
  }
  return new Promise<IncomingMessage>((resolve, reject) => {
    const request = where.protocol === 'https:' ? requestHttps(where, options) : requestHttp(where, options)
    request.once('response', resolve).once('error', reject)
    request.end(body?.text)
  })
}

async function trust({ caFile = null, certFile = null }: Source) {
  if (certFile === null) return caFile === null ? {} : { ca: await readFile(caFile) }
  const certificate = await readFile(certFile)
  const { raw } = new X509Certificate(certificate)
  return {
    ca: certificate,
    allowPartialTrustChain: true,
    // What else stands in the file may have signed others.
    checkServerIdentity: (_name: string, shown: { readonly raw: Buffer }) =>
      shown.raw.equals(raw) ? undefined : new Error(`its certificate is not the one in ${certFile}`),
  }
}

/** The whole answer as text. */
export async function whole(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** Leaving the loop early destroys the answer, and its connection with it. */
async function* capped(answer: AsyncIterable<Uint8Array>, mostBytes: number): AsyncGenerator<Uint8Array> {
  let length = 0
  for await (const chunk of answer) {
    length += chunk.length
    if (length > mostBytes) throw new Error(`answer over ${mostBytes} bytes`)
    yield chunk
  }
}

/** Why there was no answer, or not one that could be read, in words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof z.ZodError)
    return `unexpected answer: ${error.issues[0]?.path.join('.')} ${error.issues[0]?.message}`
  // A host of several addresses fails with one error for each, and with no words of its own.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ')
  // An abort hides the reason (the deadline) in the cause.
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
