import { createServer, type Server, type Socket } from 'node:net'

/** A listener that accepts connections and never says a word, as a hung broker or a stopped sshd does. */
export interface SilentHost {
  readonly port: number
  readonly connections: () => number
  close(): Promise<void>
}

export async function startSilentHost(): Promise<SilentHost> {
  const open = new Set<Socket>()
  const server: Server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => undefined).on('close', () => open.delete(socket))
    socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the silent host has no port')
  return {
    port: address.port,
    connections: () => open.size,
    close: () => {
      for (const socket of open) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
