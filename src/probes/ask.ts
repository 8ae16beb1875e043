import { readFile } from 'node:fs/promises'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { z } from 'zod'

/** An HTTP API that answers with JSON, as the configuration names it. */
export interface Source {
  /** Without `/api/…`, with any path prefix. */
  readonly url: string
  /** Sent with every request, e.g. `authorization`. */
  readonly headers?: Readonly<Record<string, string>>
  /** PEM file of the authorities to believe instead of the system's own. Read for every question: it may be renewed. */
  readonly caFile?: string | null
  /** For each question, answer included. Milliseconds. */
  readonly timeoutMs: number
}

export interface Question {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: URLSearchParams
  readonly largestAnswerBytes?: number
  readonly signal?: AbortSignal
}

/** Ten thousand alerts take about 8 MB. What no webhook could bring, being over 16 MiB, must fit in here. */
const LARGEST_ANSWER_BYTES = 64 * 1024 * 1024

/**
 * One question: never retried, never redirected, hard deadline. Throws with the address and the reason. By node:http and not
 * by fetch, which takes no certificate authority of its own.
 */
export async function ask<T>(source: Source, question: Question, schema: z.ZodType<T>): Promise<T> {
  const where = new URL(source.url.replace(/\/+$/, '') + question.path)
  try {
    const { status, text } = await send(source, where, question)
    if (status >= 300 && status < 400) throw new Error(`status ${status}: a redirect, which is not followed`)
    if (status !== 200) throw new Error(`status ${status}: ${text.slice(0, 200)}`)
    return schema.parse(JSON.parse(text))
  } catch (error) {
    throw new Error(`${where.origin}${where.pathname}: ${messageOf(error)}`, { cause: error })
  }
}

async function send(
  { headers, caFile = null, timeoutMs }: Source,
  where: URL,
  { method, body, largestAnswerBytes = LARGEST_ANSWER_BYTES, signal }: Question,
): Promise<{ readonly status: number; readonly text: string }> {
  const ca = caFile === null ? {} : { ca: await readFile(caFile) }
  const late = AbortSignal.timeout(timeoutMs)
  const options = {
    method,
    headers: {
      accept: 'application/json',
      ...(body && { 'content-type': 'application/x-www-form-urlencoded' }),
      ...headers,
    },
    signal: signal ? AbortSignal.any([signal, late]) : late,
    ...ca,
  }
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = where.protocol === 'https:' ? requestHttps(where, options) : requestHttp(where, options)
    request.once('response', resolve).once('error', reject)
    request.end(body?.toString())
  })
  return { status: answer.statusCode ?? 0, text: await capped(answer, largestAnswerBytes) }
}

/** Leaving the loop early destroys the answer, and its connection with it. */
async function capped(answer: AsyncIterable<Uint8Array>, mostBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of answer) {
    length += chunk.length
    if (length > mostBytes) throw new Error(`answer over ${mostBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof z.ZodError)
    return `unexpected answer: ${error.issues[0]?.path.join('.')} ${error.issues[0]?.message}`
  // A host of several addresses fails with one error for each, and with no words of its own.
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ')
  // An abort hides the reason (the deadline) in the cause.
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
