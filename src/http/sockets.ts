import type { Socket } from 'node:net'

/**
 * Alertmanager keeps idle connections for 5 minutes; a server that closes them earlier makes it meet dead ones. The
 * limit for headers lies above it, the limit for a whole request above both (Node insists on that order).
 */
export const TIMEOUTS = {
  server: { keepAliveTimeout: 310_000, headersTimeout: 320_000, requestTimeout: 330_000 },
  fastify: { keepAliveTimeout: 310_000, requestTimeout: 330_000 },
} as const

/**
 * Answers what never became a request. Node would say 408 to a request that takes too long; Alertmanager never repeats
 * that, so it hears 503.
 */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const status =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? '503 Service Unavailable'
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request'
  if (socket.writable) socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  socket.destroySoon()
}
