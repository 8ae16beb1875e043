import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance } from 'fastify'
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { requireApiCredential } from './access.ts'
import { alertRoutes } from './alerts.ts'
import type { App, HttpDeps } from './deps.ts'
import { explainRoutes } from './explain.ts'
import { healthRoutes } from './health.ts'
import { historyRoutes } from './history.ts'
import { holdRoutes } from './holds.ts'
import { incidentRoutes } from './incidents.ts'
import { landingRoutes } from './landing.ts'
import { linkRoutes } from './links.ts'
import { maintenanceRoutes } from './maintenance.ts'
import { metricsRoutes } from './metrics.ts'
import { openapiRoutes } from './openapi.ts'
import { problem, problemOf, sendProblem } from './problem.ts'
import { reloadRoutes } from './reload.ts'
import { ruleRoutes } from './rules.ts'
import { silenceRoutes } from './silence.ts'
import { answerClientError, TIMEOUTS } from './sockets.ts'
import { statusRoutes } from './status.ts'
import { webhookRoutes } from './webhook.ts'

/** Bodies of everything but the webhook. */
const API_BODY_BYTES = 256 * 1024

/** The HTTP side, ready to `listen`. Closing it waits for the requests under way. */
export function buildServer(deps: HttpDeps): FastifyInstance {
  const app = Fastify({
    // Null means plain HTTP, which the types of `https` do not tell apart.
    https: deps.tls === null ? null : { cert: deps.tls.cert, key: deps.tls.key, ...TIMEOUTS.server },
    ...(deps.tls === null && { http: TIMEOUTS.server }),
    ...TIMEOUTS.fastify,
    bodyLimit: API_BODY_BYTES,
    forceCloseConnections: 'idle',
    clientErrorHandler: answerClientError,
    routerOptions: { maxParamLength: 300 },
  }) as unknown as App

  // A page of another site can send text/plain without asking; JSON it cannot.
  app.removeContentTypeParser('text/plain')
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler((error: Error, request, reply) =>
    sendProblem(
      reply,
      problemOf(error, request, (err) =>
        deps.log.error({ err, method: request.method, url: request.routeOptions.url }, 'request failed'),
      ),
    ),
  )
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      problem(
        404,
        'Not found',
        `there is no ${request.method} ${request.url.split('?')[0] ?? ''}; GET /openapi.json lists what there is`,
      ),
    ),
  )

  void app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'kafka-healing',
        version: deps.version,
        description: 'Stores alerts about Apache Kafka, repairs what is safe to repair, and tells a human what is not.',
      },
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer' }, basic: { type: 'http', scheme: 'basic' } },
      },
    },
    transform: jsonSchemaTransform,
  })
  const topics = (routes: readonly ((app: App, deps: HttpDeps) => void)[], guarded: boolean): void => {
    void app.register(async (scope) => {
      if (guarded) requireApiCredential(scope, deps)
      for (const add of routes) add(scope, deps)
    })
  }
  void app.register(async (scope) => webhookRoutes(scope, deps))
  void app.register(async (scope) => linkRoutes(scope, deps))
  topics([healthRoutes, metricsRoutes, landingRoutes, openapiRoutes], false)
  topics(
    [
      alertRoutes,
      silenceRoutes,
      historyRoutes,
      incidentRoutes,
      explainRoutes,
      holdRoutes,
      maintenanceRoutes,
      reloadRoutes,
      ruleRoutes,
      statusRoutes,
    ],
    true,
  )
  return app
}
