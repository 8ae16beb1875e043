import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { descendants } from './processes.ts'
import type { StateFile } from './state.ts'

/**
 * What the network between kafka-healing and one listener does; nobody else's way is touched.
 * `pass`: nothing wrong. `refuse`: connections are refused, open ones reset. `drop`: connections are accepted and nothing
 * is ever said. `freeze`: the question gets through, and the answer stops in its middle.
 * What is asked on the broker's own host, through an SSH session, passes all the same, but for `refuse`.
 */
export type CutFault = 'pass' | 'refuse' | 'drop' | 'freeze'

/** The listener that is cut off: `broker` is where clients ask, `controller` where the quorum is asked. */
export type CutListener = 'broker' | 'controller'

export type Cuts = (id: number, fault: CutFault, listener?: CutListener) => Promise<void>

/** Short of the ten bytes by which an answer is known to be one of Kafka. */
const FROZEN_AFTER_BYTES = 6

/** A proxied listener has the port of the real one, on a loopback address of its own by node. */
export function proxyHost(id: number): string {
  return `127.0.1.${id}`
}

export interface OpenCuts {
  readonly set: Cuts
  close(): Promise<void>
}

/** Proxies in this process before every listener of the lab; all of them pass at first. */
export async function openCuts(file: StateFile): Promise<OpenCuts> {
  const state = file.now
  const ways = new Map<string, Way>()
  const ownHost = (client: Socket): boolean => isOfSession(client, file.now.processes['sshd']?.pid)
  for (const { id, port } of state.brokers) ways.set(`broker ${id}`, openWay(id, port, ownHost))
  for (const { id, controllerPort } of [...state.brokers, ...state.controllers])
    if (controllerPort !== null) ways.set(`controller ${id}`, openWay(id, controllerPort, ownHost))
  await Promise.all([...ways.values()].map((way) => way.set('pass')))
  return {
    async set(id, fault, listener = 'broker') {
      const way = ways.get(`${listener} ${id}`)
      if (way === undefined) throw new Error(`the lab has no proxied ${listener} ${id}`)
      await way.set(fault)
    },
    async close() {
      await Promise.all([...ways.values()].map((way) => way.set('refuse')))
    },
  }
}

interface Way {
  set(fault: CutFault): Promise<void>
}

function openWay(id: number, port: number, ownHost: (client: Socket) => boolean): Way {
  const open = new Set<Socket>()
  let fault: CutFault = 'refuse'
  let server: Server | null = null

  function held(socket: Socket): Socket {
    open.add(socket)
    socket.on('error', () => undefined).on('close', () => open.delete(socket))
    return socket
  }

  function serve(client: Socket): void {
    held(client)
    const frozen = fault === 'freeze' && !ownHost(client)
    if (fault === 'drop' && !ownHost(client)) return
    const broker = held(connect({ host: '127.0.0.1', port }))
    client.pipe(broker)
    if (frozen) broker.once('data', (chunk: Buffer) => client.write(chunk.subarray(0, FROZEN_AFTER_BYTES)))
    else broker.pipe(client)
    client.on('close', () => broker.destroy())
    // Behind a frozen stream nobody learns that the other end is gone.
    broker.on('close', () => frozen || client.destroy())
    broker.on('error', () => client.resetAndDestroy())
  }

  return {
    async set(wanted) {
      fault = wanted
      for (const socket of open) socket.resetAndDestroy()
      if (wanted === 'refuse') {
        const closing = server
        server = null
        if (closing !== null) await new Promise((done) => closing.close(done))
      } else server ??= await listening(serve, proxyHost(id), port)
    },
  }
}

function listening(serve: (client: Socket) => void, host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(serve)
    server.once('error', reject).listen({ host, port, exclusive: true }, () => resolve(server))
  })
}

/** Whether a session of this sshd opened the connection, for someone who forwards through it. */
function isOfSession(client: Socket, sshd: number | undefined): boolean {
  const inode = inodeOf(client)
  if (inode === null || sshd === undefined) return false
  return descendants(sshd).some(({ pid }) => holds(pid, `socket:[${inode}]`))
}

/** The other end of a loopback connection, as /proc/net/tcp knows it: addresses are hexadecimal, bytes in reverse. */
function inodeOf({ localAddress = '', localPort = 0, remotePort = 0 }: Socket): string | null {
  const port = (number: number): string => number.toString(16).toUpperCase().padStart(4, '0')
  const bytes = localAddress.split('.').map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, '0'))
  const peer = `${bytes.toReversed().join('')}:${port(localPort)}`
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  const fields = rows.map((row) => row.trim().split(/\s+/))
  return fields.find(([, from, to]) => to === peer && from?.endsWith(`:${port(remotePort)}`))?.[9] ?? null
}

function holds(pid: number, socket: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === socket)
  } catch {
    return false
  }
}
