import { z } from 'zod'
import { parseDuration } from '../duration.ts'

/** Field types that the files people edit share. INI and `${VAR}` only give text, so numbers and yes/no are read from it. */

const tell = (message: string) => ({ error: message })

/** Yields milliseconds. */
export const duration = z
  .string(tell('expected a duration such as 30s, 15m or 1h30m'))
  .refine((text) => parseDuration(text) !== null, tell('expected a duration such as 30s, 15m or 1h30m'))
  .transform((text) => parseDuration(text) ?? 0)

/** A whole number within bounds, also as text. */
export function wholeNumber(min: number, max: number) {
  const message = `expected a whole number from ${min} to ${max}`
  const number = z.number(tell(message)).int(tell(message)).min(min, tell(message)).max(max, tell(message))
  const text = z
    .string()
    .refine(
      (value) => /^(?:0|[1-9]\d{0,15})$/.test(value) && Number(value) >= min && Number(value) <= max,
      tell(message),
    )
    .transform(Number)
  return z.union([number, text], tell(message))
}

export const flag = z.union(
  [z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')],
  tell('expected true or false'),
)

const SIZES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 }
const SIZE = /^(\d{1,9}) ?(B|KiB|MiB|GiB|TiB)$/

/** Yields bytes from `16MiB`, `1 GiB`. */
export const size = z
  .string(tell('expected a size such as 16MiB'))
  .regex(SIZE, tell('expected a size such as 16MiB'))
  .transform((text) => {
    const [, count = '0', unit = 'B'] = SIZE.exec(text) ?? []
    return Number(count) * (SIZES[unit] ?? 1)
  })

/** Names that become keys, metric labels and file-safe text. `all` is what nobody may be called (S-2.1). */
export const name = z
  .string()
  .regex(
    /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,62})$/,
    tell('a name has letters, digits, ".", "_", "-" (at most 63, beginning with a letter or digit)'),
  )
  .refine((text) => text.toLowerCase() !== 'all', tell('"all" cannot be a name'))

const HOST = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|[0-9A-Fa-f:.]{2,45})$/

export const hostName = z.string().regex(HOST, tell('expected a host name or an IP address'))

/** `host:port` or `[::1]:port`; yields both. */
export const hostPort = z
  .string(tell('expected host:port'))
  .refine((text) => splitHostPort(text) !== null, tell('expected host:port'))
  .transform((text) => splitHostPort(text) ?? { host: '', port: 0 })

function splitHostPort(text: string): { readonly host: string; readonly port: number } | null {
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([^[\]:]+)):(\d{1,5})$/.exec(text)
  const host = parts?.[1] ?? parts?.[2] ?? ''
  const port = Number(parts?.[3] ?? -1)
  return HOST.test(host) && port >= 0 && port <= 65_535 ? { host, port } : null
}

export const httpUrl = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
    tell('expected a URL that begins with http:// or https://'),
  )
