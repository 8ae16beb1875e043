import type { z } from 'zod'
import type { Answered, Request } from './api.ts'
import type { Session } from './session.ts'

/** What the service gives out at once. */
const LARGEST_PAGE = 1_000

interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

/** The first `limit` items of a list, over as many pages as that takes; `next` is the cursor of what follows. */
export async function pages<T>(
  { ask }: Pick<Session, 'ask'>,
  path: string,
  query: NonNullable<Request['query']>,
  limit: number,
  shape: z.ZodType<Page<T>>,
): Promise<Answered<Page<T>>> {
  const items: T[] = []
  const json: unknown[] = []
  let next: string | null = null
  do {
    const size = Math.min(limit - items.length, LARGEST_PAGE)
    const page: Answered<Page<T>> = await ask(
      { method: 'GET', path, query: { ...query, limit: size, cursor: next ?? undefined } },
      shape,
    )
    items.push(...page.value.items)
    json.push(...(page.json as Page<unknown>).items)
    next = page.value.items.length === 0 ? null : page.value.next
  } while (next !== null && items.length < limit)
  return { value: { items, next }, json: { items: json, next } }
}
