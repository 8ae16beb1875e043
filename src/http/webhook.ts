import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { storable } from '../alert/escape.ts'
import { parseDelivery } from '../alert/payload.ts'
import type { Taken } from '../engine/intake.ts'
import { assertNever } from '../never.ts'
import type { DeliveryRefusal } from '../telemetry.ts'
import { authenticator } from './credentials.ts'
import type { App, HttpDeps } from './deps.ts'
import { sparingly } from './sparing.ts'
import { type ReadBody, ReadingBudget, readBody } from './webhook-body.ts'

/** Bytes of bodies under way over all connections; above it 503. Eight of the largest deliveries. */
const READING_CAPS = 8
/** Alertmanager repeats what was refused at every group_interval, for ever. */
const LOG_EVERY_MS = 60_000
/** How much of an unreadable body is kept. */
const KEPT_CHARACTERS = 64 * 1024

/** As documentation: the body is read leniently by src/alert/payload.ts. */
const DeliveryDoc = z
  .looseObject({
    version: z.literal('4'),
    groupKey: z.string(),
    truncatedAlerts: z.int().optional(),
    status: z.enum(['firing', 'resolved']),
    receiver: z.string(),
    externalURL: z.string(),
    alerts: z.array(
      z.looseObject({
        status: z.enum(['firing', 'resolved']),
        labels: z.record(z.string(), z.string()),
        annotations: z.record(z.string(), z.string()),
        startsAt: z.string(),
        endsAt: z.string(),
        generatorURL: z.string(),
        fingerprint: z.string(),
      }),
    ),
  })
  .describe('The webhook body of Alertmanager, version "4"; fields it does not know are ignored')

const Short = z.string()

/**
 * `POST /webhook`, where Alertmanager delivers. 2xx is said after the commit; 503 makes Alertmanager try again at once;
 * 4xx is for what can never be taken (it is repeated at each group_interval). Never a redirect, 408 or 429: those lose
 * or delay alerts. Answers are short, because Alertmanager copies them into its log.
 */
export function webhookRoutes(app: App, deps: HttpDeps): void {
  const { intake, telemetry, clock, log, bodyBytes } = deps
  const authenticate = authenticator(deps.webhookCredentials)
  const open = deps.webhookCredentials.length === 0
  const speakers = new WeakMap<FastifyRequest, string>()
  const logged = sparingly(clock, LOG_EVERY_MS)
  const kept = sparingly(clock, LOG_EVERY_MS)
  const budget = new ReadingBudget(READING_CAPS * bodyBytes)

  const refuse = (reply: FastifyReply, status: number, result: DeliveryRefusal, why: string): FastifyReply => {
    telemetry.deliveryRefused(result)
    const heldBack = logged(`${result}:${reply.request.ip}`)
    if (heldBack !== null) {
      log.warn(
        { result, problem: why, from: reply.request.ip, credential: speakers.get(reply.request) ?? null, heldBack },
        'webhook delivery refused',
      )
    }
    return reply.code(status).type('text/plain; charset=utf-8').send(`${why}\n`)
  }

  app.removeAllContentTypeParsers()
  // Whatever the content type says: the body is read by the handler, raw.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null, undefined))

  app.addHook('onRequest', async (request, reply) => {
    // A content type that is none would be refused before the body is looked at.
    request.headers['content-type'] = 'application/json'
    if (!open) {
      const speaker = authenticate(request.headers.authorization)
      if (speaker === null) {
        reply.header('www-authenticate', 'Bearer realm="kafka-healing webhook"')
        reply.header('connection', 'close')
        return refuse(reply, 401, 'unauthorized', 'unknown credentials')
      }
      speakers.set(request, speaker)
    }
    return undefined
  })

  app.setErrorHandler((error, _request, reply) => {
    log.error({ err: error }, 'webhook failed')
    return refuse(reply, 503, 'unavailable', 'internal error, try again')
  })

  async function take(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const body = await readBody(request.raw, bodyBytes, budget)
    if (body.kind !== 'read') return refuseUnread(reply, body.kind)
    const begun = clock.monotonic()
    const why = intake.overload()
    if (why !== null) return refuse(reply, 503, 'overloaded', why)

    const rawBody = body.bytes.toString('utf8')
    const credential = speakers.get(request) ?? null
    const parsed = parseDelivery(parseJson(rawBody))
    if ('problem' in parsed) {
      // An unreadable delivery is repeated for ever; one copy a minute per sender and problem is kept.
      if (kept(`${request.ip}:${parsed.problem}`) !== null) {
        await intake.reject({
          problem: parsed.problem,
          rawBody: storable(rawBody.slice(0, KEPT_CHARACTERS)),
          credential,
        })
      }
      return refuse(reply, 400, 'invalid', parsed.problem)
    }
    const delivery = parsed.ok
    const taken = await intake.submit({ delivery, rawBody: storable(rawBody), credential })
    if (taken.kind === 'stored') {
      telemetry.deliveryStored(taken.receipt, clock.monotonic() - begun)
      if (delivery.truncatedAlerts > 0) {
        telemetry.truncated(delivery.truncatedAlerts)
        deps.onTruncated()
      }
    }
    return answer(reply, taken)
  }

  function refuseUnread(reply: FastifyReply, kind: Exclude<ReadBody['kind'], 'read'>): FastifyReply {
    if (kind === 'noRoom') return refuse(reply, 503, 'overloaded', 'too many bodies are being read, try again')
    reply.header('connection', 'close')
    if (kind === 'aborted') return refuse(reply, 400, 'invalid', 'the body ended early')
    deps.onTruncated()
    return refuse(
      reply,
      413,
      'tooLarge',
      `the body is larger than ${bodyBytes} bytes; its alerts are fetched from Alertmanager`,
    )
  }

  function answer(reply: FastifyReply, taken: Taken): FastifyReply {
    switch (taken.kind) {
      case 'stored':
        return reply
          .code(200)
          .type('application/json; charset=utf-8')
          .send(`${JSON.stringify(taken.receipt)}\n`)
      case 'rejected':
        return refuse(reply, 400, 'rejected', 'it cannot be stored; a copy is kept')
      case 'overloaded':
      case 'unavailable':
        return refuse(reply, 503, taken.kind, `${taken.why}, try again`)
      default:
        return assertNever(taken, 'outcome')
    }
  }

  for (const url of ['/webhook', '/webhook/']) {
    app.route({
      method: 'POST',
      url,
      schema: {
        summary: 'Deliver alerts (Alertmanager)',
        description: 'Answers 200 only after the alerts are stored durably.',
        tags: ['webhook'],
        body: DeliveryDoc,
        response: {
          200: z
            .object({ delivery: z.int(), firing: z.int(), resolved: z.int(), repeats: z.int() })
            .describe('Stored durably'),
          400: Short.describe('It can never be parsed or stored'),
          401: Short.describe('Unknown credentials'),
          413: Short.describe('Too large; the alerts are fetched from Alertmanager'),
          503: Short.describe('Nothing was stored; try again'),
        },
      },
      validatorCompiler: () => (body) => ({ value: body }),
      handler: take,
    })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
