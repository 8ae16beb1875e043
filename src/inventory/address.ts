import type { HostPort } from './inventory.ts'

/** `host:port`, with brackets around an IPv6 address, as Prometheus writes `instance`. */
export function addressText({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
