import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'

/** `fetch` asks no server there (Amanda); of its forbidden ports the only one above 10,000. */
const FORBIDDEN = 10_080

/**
 * Free loopback ports, below the kernel's ephemeral range. A port inside that range may be taken by any outgoing
 * connection while its broker is down, and a client that dials a dead one often enough ends up talking to itself.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ceiling = firstEphemeralPort()
  const held = new Map<number, Server>()
  try {
    while (held.size < count) {
      const port = randomInt(10_000, ceiling)
      if (held.has(port) || port === FORBIDDEN) continue
      const server = await hold(port)
      if (server !== null) held.set(port, server)
    }
    return [...held.keys()]
  } finally {
    await Promise.all([...held.values()].map((server) => new Promise((done) => server.close(done))))
  }
}

function firstEphemeralPort(): number {
  try {
    const [first] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/)
    return Math.max(Number(first), 11_000)
  } catch {
    return 32_768
  }
}

function hold(port: number): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server))
  })
}
