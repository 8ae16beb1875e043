import { CannotStartError } from '../app.ts'
import type { HostPort } from '../inventory/inventory.ts'

/** Reads `HOST:PORT`, `[::1]:PORT`. Port 0 takes any free one. */
export function listenAddress(text: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65_535) throw new CannotStartError(`--listen ${text}: expected HOST:PORT such as 127.0.0.1:9095`)
  return { host: match[1] ?? (match[2] === '' ? '0.0.0.0' : (match[2] ?? '')), port }
}
