import type { Message, Notifier, SendOptions, Sent } from './notifier.ts'

export interface Route {
  readonly primary: Notifier
  readonly backup: Notifier | null
}

/** Which server answered last; `both` were asked when it is the backup. */
export type Delivered = Sent & { readonly via: 'primary' | 'backup' }

/** After so many tries that reached no server, the backup is asked too: a mail server that is away pages nobody. */
const UNREACHED_TRIES = 3
const TOO_LARGE = 552
const SHORT = 16_000

/**
 * Sends by the primary server; what it will never take, and what reaches no server for long, goes to the backup. A
 * message refused for its size goes again as short text.
 */
export async function deliver(route: Route, message: Message, tries: number, options: SendOptions): Promise<Delivered> {
  const first = await sendShorter(route.primary, message, options)
  if (route.backup === null || !needsBackup(first, tries) || options.signal.aborted) return { ...first, via: 'primary' }
  const second = await sendShorter(route.backup, message, options)
  if (second.outcome === 'sent') return { ...second, via: 'backup' }
  return { ...worse(first, second), via: 'backup' }
}

async function sendShorter(notifier: Notifier, message: Message, options: SendOptions): Promise<Sent> {
  const sent = await notifier.send(message, options)
  if (sent.outcome !== 'reject' || sent.code !== TOO_LARGE || (message.html === null && message.text.length <= SHORT))
    return sent
  const text = `${message.text.slice(0, SHORT).toWellFormed()}\n\nCut, because the mail server refused the whole mail for its size.\n`
  return notifier.send({ ...message, text, html: null }, options)
}

function needsBackup(sent: Sent, tries: number): boolean {
  if (sent.outcome === 'reject' || sent.outcome === 'configuration') return true
  return sent.outcome === 'retry' && sent.scope === 'server' && tries >= UNREACHED_TRIES
}

/** Both failed: the message is given up only when one of them refused it and the other could not do better later. */
function worse(first: Sent, second: Sent): Sent {
  const error = `${words(first)}; backup: ${words(second)}`
  if (first.outcome === 'reject' && second.outcome === 'reject') return { ...first, error }
  const hopeful = first.outcome === 'retry' ? first : second.outcome === 'retry' ? second : first
  if (hopeful.outcome === 'sent') return hopeful
  // Refused here and misconfigured there: whether this recipient exists has been said.
  if (first.outcome === 'reject' && second.outcome === 'configuration') return { ...first, error }
  return { ...hopeful, error }
}

function words(sent: Sent): string {
  return sent.outcome === 'sent' ? sent.response : sent.error
}
