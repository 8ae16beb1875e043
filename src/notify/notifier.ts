/** One message to one recipient. Built from our own rows; what came from outside is already escaped in it. */
export interface Message {
  /** An address out of the validated configuration, never out of an alert. */
  readonly recipient: string
  /** With its angle brackets; the same for every try, so that a repeat can be recognised. */
  readonly messageId: string
  /** Message-IDs of the thread, root first. */
  readonly references: readonly string[]
  readonly subject: string
  readonly text: string
  readonly html: string | null
}

/**
 * How a try to send ended.
 *
 * `sent` the other side took responsibility · `retry` it may work later (4xx, no connection; after an ambiguous end the
 * message may have been taken already) · `reject` this message to this recipient is refused for good (5xx) ·
 * `configuration` we or the server are set up wrongly (password, certificate, sender): no message gets through.
 */
export type Sent =
  | { readonly outcome: 'sent'; readonly response: string }
  | {
      readonly outcome: 'retry'
      readonly error: string
      readonly code: number | null
      /** `server`: nothing could be asked of it, so other messages would fail in the same way. */
      readonly scope: 'server' | 'message'
    }
  | { readonly outcome: 'reject'; readonly error: string; readonly code: number | null }
  | { readonly outcome: 'configuration'; readonly error: string; readonly code: number | null }

export interface SendOptions {
  /** Abandons the try. What was already handed over may still arrive. */
  readonly signal: AbortSignal
}

/** A way to reach people. */
export interface Notifier {
  readonly type: string
  /** Never throws for what the other side does. */
  send(message: Message, options: SendOptions): Promise<Sent>
  /** Connects and authenticates without sending. Null: it would work; else what is wrong. */
  check(options: SendOptions): Promise<string | null>
  close(): void
}

/** A kind of notifier. One file, one line in index.ts. `open` throws when its settings cannot work at all. */
export interface NotifierKind<S> {
  readonly type: string
  readonly summary: string
  open(settings: S): Notifier
}

export function defineNotifier<S>(kind: NotifierKind<S>): NotifierKind<S> {
  return kind
}
