import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** `refuse`: connections are reset, open ones too. `drop`: nobody says anything any more, and nothing is closed. */
export type TcpFault = 'pass' | 'refuse' | 'drop'

export interface TcpProxy {
  readonly port: number
  set(fault: TcpFault): void
  close(): Promise<void>
}

/** Stands before a port of this machine, so that a test can cut one client off and nobody else. */
export async function startTcpProxy(to: number): Promise<TcpProxy> {
  const open = new Set<Socket>()
  let fault: TcpFault = 'pass'
  const server = createServer((client) => {
    held(client)
    if (fault === 'refuse') return client.resetAndDestroy()
    if (fault === 'drop') return client.pause()
    const far = held(connect({ host: '127.0.0.1', port: to }))
    client.pipe(far).pipe(client)
    client.on('close', () => far.destroy())
    far.on('close', () => client.destroy())
    return undefined
  })
  function held(socket: Socket): Socket {
    open.add(socket)
    socket.on('error', () => undefined).on('close', () => open.delete(socket))
    return socket
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    set(next) {
      // A way that was silent stays so: what it swallowed is lost.
      if (fault === 'drop' || next === 'refuse') for (const socket of open) socket.destroy()
      fault = next
      if (next === 'drop') for (const socket of open) socket.unpipe().pause()
    },
    async close() {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}
