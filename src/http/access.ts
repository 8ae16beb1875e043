import { authenticator } from './credentials.ts'
import type { App, HttpDeps } from './deps.ts'
import { ProblemError } from './problem.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The API credential that spoke, by name; null where none is needed. */
    speaker: string | null
  }
}

/**
 * Everything in this scope needs an API credential, where any is configured: reading too, for traces hold what programs
 * printed. A webhook credential opens nothing here.
 */
export function requireApiCredential(app: App, deps: HttpDeps): void {
  const authenticate = authenticator(deps.apiCredentials)
  const authenticateWebhook = authenticator(deps.webhookCredentials)
  const open = deps.apiCredentials.length === 0

  app.decorateRequest('speaker', null)
  app.addHook('onRequest', async (request, reply) => {
    // A browser that knows our credentials must not be made to use them by a foreign page.
    if (request.method !== 'GET' && request.headers['sec-fetch-site'] === 'cross-site') {
      throw new ProblemError(403, 'Not allowed', 'requests from pages of other sites are refused')
    }
    request.speaker = authenticate(request.headers.authorization)
    if (open || request.speaker !== null) return
    if (authenticateWebhook(request.headers.authorization) !== null) {
      throw new ProblemError(
        403,
        'Not allowed',
        'this credential is for POST /webhook only; use one of api.credentials',
      )
    }
    reply.header('www-authenticate', ['Bearer realm="kafka-healing"', 'Basic realm="kafka-healing", charset="UTF-8"'])
    throw new ProblemError(401, 'Unknown credentials', 'send one of api.credentials as Authorization: Bearer or Basic')
  })
}

/** How a write endpoint is documented. */
export const SECURED = [{ bearer: [] }, { basic: [] }]
