import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { StoreUnavailableError } from '../store/store.ts'

export const FieldProblem = z.object({ field: z.string(), problem: z.string() })
export type FieldProblem = z.infer<typeof FieldProblem>

/** RFC 9457. `errors` names each field and what to do about it. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    errors: z.array(FieldProblem).optional(),
  })
  .meta({ description: 'RFC 9457 problem details' })
export type Problem = z.infer<typeof Problem>

/** Thrown by a route that cannot do what it was asked for; becomes the answer. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly status: number
  readonly title: string
  readonly errors: readonly FieldProblem[]

  constructor(status: number, title: string, detail = '', errors: readonly FieldProblem[] = []) {
    super(detail === '' ? title : detail)
    this.status = status
    this.title = title
    this.errors = errors
  }
}

export function notFound(what: string): ProblemError {
  return new ProblemError(404, 'Not found', `there is no ${what}`)
}

/** The request is understood, and something in it must be changed. */
export function invalid(...errors: readonly FieldProblem[]): ProblemError {
  return new ProblemError(400, 'The request is not valid', '', errors)
}

export function problem(status: number, title: string, detail?: string, errors?: readonly FieldProblem[]): Problem {
  return {
    type: 'about:blank',
    title,
    status,
    ...(detail !== undefined && detail !== title && { detail }),
    ...(errors !== undefined && errors.length > 0 && { errors: [...errors] }),
  }
}

/** Written as text, so that no response schema of the route applies. */
export function sendProblem(reply: FastifyReply, value: Problem): FastifyReply {
  return reply.code(value.status).type('application/problem+json').send(JSON.stringify(value))
}

/** Turns whatever a route threw into problem details; what nobody expected goes to `surprised` and tells the client nothing. */
export function problemOf(
  error: FastifyError | Error,
  request: FastifyRequest,
  surprised: (error: Error, request: FastifyRequest) => void,
): Problem {
  if (error instanceof ProblemError) return problem(error.status, error.title, error.message, error.errors)
  if (error instanceof StoreUnavailableError) {
    return problem(503, 'The store cannot commit now', `${error.message}; nothing was changed, try again`)
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const where = error.validationContext ?? 'request'
    const errors = error.validation.map(({ instancePath, message }) => ({
      field: fieldName(instancePath, where),
      problem: message ?? 'is not valid',
    }))
    return problem(400, 'The request is not valid', undefined, errors)
  }
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500
  if (status < 500) return problem(status, TITLES[status] ?? 'The request is not valid', error.message)
  surprised(error, request)
  return problem(500, 'Internal error', 'see the log of the service for what went wrong')
}

const TITLES: Readonly<Record<number, string>> = {
  413: 'The body is too large',
  415: 'The content type is not supported; send application/json',
}

function fieldName(instancePath: string, where: string): string {
  const path = instancePath
    .split('/')
    .filter((part) => part !== '')
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '')
  return path === '' ? where : path
}
