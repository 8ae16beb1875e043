import { readFile } from 'node:fs/promises'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { z } from 'zod'
import { elements } from './elements.ts'

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
export function ask<T>(source: Source, question: Question, schema: z.ZodType<T>): Promise<T> {
  return answered(source, question, async (body) => schema.parse(JSON.parse(await whole(body))))
}

/** The same for a list that may be long: `take` gets one object after another, also of an answer that breaks off. */
export function askEach<T>(
  source: Source,
  question: Question,
  schema: z.ZodType<T>,
  take: (one: T) => void,
): Promise<void> {
  return answered(source, question, async (body) => {
    for await (const some of elements(body)) for (const one of some) take(schema.parse(one))
  })
}

async function answered<T>(
  source: Source,
  question: Question,
  read: (body: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const where = new URL(source.url.replace(/\/+$/, '') + question.path)
  try {
    const answer = await send(source, where, question)
    const status = answer.statusCode ?? 0
    const body = capped(answer, question.largestAnswerBytes ?? LARGEST_ANSWER_BYTES)
    if (status >= 300 && status < 400) throw new Error(`status ${status}: a redirect, which is not followed`)
    if (status !== 200) throw new Error(`status ${status}: ${(await whole(body)).slice(0, 200)}`)
    return await read(body)
  } catch (error) {
    throw new Error(`${where.origin}${where.pathname}: ${messageOf(error)}`, { cause: error })
  }
}

async function send(
  { headers, caFile = null, timeoutMs }: Source,
  where: URL,
  { method, body, signal }: Question,
): Promise<IncomingMessage> {
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
  return new Promise<IncomingMessage>((resolve, reject) => {
    const request = where.protocol === 'https:' ? requestHttps(where, options) : requestHttp(where, options)
    request.once('response', resolve).once('error', reject)
    request.end(body?.toString())
  })
}

async function whole(body: AsyncIterable<Uint8Array>): Promise<string> {
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

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof z.ZodError)
    return `unexpected answer: ${error.issues[0]?.path.join('.')} ${error.issues[0]?.message}`
  // A host of several addresses fails with one error for each, and with no words of its own.
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ')
  // An abort hides the reason (the deadline) in the cause.
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
