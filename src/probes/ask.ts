import type { z } from 'zod'
import { elements } from './elements.ts'
import { exchange, reasonOf, type Source, whereOf, whole } from './exchange.ts'

export interface Question {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: URLSearchParams
  readonly largestAnswerBytes?: number
  readonly signal?: AbortSignal
}

/** One question: never retried, never redirected, hard deadline. Throws with the address and the reason. */
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
  { body: form, ...question }: Question,
  read: (body: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const body = form && { body: { type: 'application/x-www-form-urlencoded', text: form.toString() } }
  try {
    return await exchange(source, { ...question, ...body }, async ({ status, body }) => {
      if (status >= 300 && status < 400) throw new Error(`status ${status}: a redirect, which is not followed`)
      if (status !== 200) throw new Error(`status ${status}: ${(await whole(body)).slice(0, 200)}`)
      return await read(body)
    })
  } catch (error) {
    const { origin, pathname } = whereOf(source, question.path)
    throw new Error(`${origin}${pathname}: ${reasonOf(error)}`, { cause: error })
  }
}
