import net from 'node:net'
import type { Clock } from '../clock.ts'
import type { HostPort } from '../inventory/inventory.ts'
import { brief } from './brief.ts'
import type { Quorum } from './view.ts'

type Zookeepers = Extract<Quorum, { readonly kind: 'zookeeper' }>
type Member = Zookeepers['members'][number]

/** An answer to `srvr` has some 200 bytes. */
const LONGEST = 64 * 1024

/** Asks every member `srvr`, the one four-letter word that ZooKeeper always allows (its own scripts need it). Never rejects. */
export async function askZookeepers(
  members: readonly HostPort[],
  options: { readonly clock: Clock; readonly deadlineMs: number },
): Promise<Zookeepers> {
  return { kind: 'zookeeper', members: await Promise.all(members.map((address) => askMember(address, options))) }
}

async function askMember(
  address: HostPort,
  { clock, deadlineMs }: { readonly clock: Clock; readonly deadlineMs: number },
): Promise<Member> {
  const done = new AbortController()
  const socket = net.connect(address)
  const late = clock.sleep(deadlineMs, done.signal).then(() => {
    throw new Error(`no answer in ${deadlineMs} ms`)
  })
  try {
    const text = await Promise.race([answerOn(socket), late])
    const mode = /^Mode: (\w+)$/m.exec(text)?.[1] ?? null
    return { address, mode, reason: mode === null ? brief(text === '' ? 'it hung up' : text) : 'serves' }
  } catch (error) {
    return { address, mode: null, reason: brief(error) }
  } finally {
    late.catch(() => undefined)
    done.abort()
    socket.destroy()
  }
}

function answerOn(socket: net.Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.once('connect', () => socket.write('srvr'))
    socket.on('data', (chunk) => {
      text += chunk
      if (text.length > LONGEST) reject(new Error('the answer is not one of ZooKeeper'))
    })
    socket.once('error', reject)
    socket.once('close', () => resolve(text))
  })
}
