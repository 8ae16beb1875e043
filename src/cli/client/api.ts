import { z } from 'zod'
import { Problem } from '../../http/problem.ts'
import { type Answer, exchange, whole } from '../../probes/exchange.ts'
import { version } from '../../version.ts'
import { ClientError } from './error.ts'
import type { Server } from './server.ts'
import { unanswered } from './unanswered.ts'

export interface Request {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: Readonly<Record<string, unknown>>
}

export interface Answered<T> {
  readonly value: T
  /** Exactly what the service said, for `--json`. */
  readonly json: unknown
}

interface Said {
  readonly status: number
  readonly type: string
  /** Undefined when it is no JSON. */
  readonly json: unknown
}

/** Asks the service. Everything but the answer that `shape` describes is a {@link ClientError} that says what to do. */
export async function askApi<T>(server: Server, request: Request, shape: z.ZodType<T>): Promise<Answered<T>> {
  const said = await say(server, request)
  const problem = Problem.safeParse(said.json)
  if (said.status >= 400) throw problem.success ? await refused(server, problem.data) : foreign(server, said)
  const checked = shape.safeParse(said.json)
  if (said.status < 300 && checked.success) return { value: checked.data, json: said.json }
  if (said.status >= 300 || said.json === undefined) throw foreign(server, said)
  const [issue] = checked.error?.issues ?? []
  throw await misread(server, said, `${issue?.path.join('.') || 'answer'}: ${issue?.message}`)
}

async function say(server: Server, { method, path, query = {}, body }: Request): Promise<Said> {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as const],
  )
  const search = new URLSearchParams(Object.fromEntries(given)).toString()
  const message = {
    method,
    path: search === '' ? path : `${path}?${search}`,
    ...(body && { body: { type: 'application/json', text: JSON.stringify(body) } }),
  }
  try {
    return await exchange(server.source, message, read)
  } catch (error) {
    throw unanswered(server, error)
  }
}

async function read({ status, type, body }: Answer): Promise<Said> {
  const text = await whole(body)
  return { status, type, json: parsed(text) }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** What the service itself says is in the way, in its own words. */
async function refused(server: Server, { status, title, detail, errors = [] }: Problem): Promise<ClientError> {
  const { url } = server.source
  if (status === 401)
    return new ClientError([
      `${url} does not know the credential that was sent: ${server.credential}`,
      'Name one of its api.credentials: a token in a file with --token-file, or in KAFKA_HEALING_TOKEN.',
    ])
  const says = detail ?? title
  if (status === 409) return new ClientError([`Nothing was changed: ${says}`])
  if (status === 404 && /^there is no [A-Z]+ \//.test(says)) return misread(server, null, says)
  const fields = errors.map(({ field, problem }) => (problem.startsWith(field) ? problem : `${field}: ${problem}`))
  return new ClientError([...(errors.length > 0 ? [title] : [says]), ...fields])
}

/** Somebody answers there, but not as kafka-healing does. */
function foreign({ source, from }: Server, { status, type }: Pick<Said, 'status' | 'type'>): ClientError {
  const what = type === '' ? 'no content type' : type
  return new ClientError([
    `${source.url} answers, but not as kafka-healing does: status ${status}, ${what}`,
    `Is the address right (it is from: ${from})? A proxy or a login page may stand in front of it.`,
  ])
}

const Landing = z.object({ name: z.literal('kafka-healing'), version: z.string() })

/** JSON that we do not understand, or a route that is not there: another version, or another program. */
async function misread(server: Server, said: Said | null, why: string): Promise<ClientError> {
  const landing = await say(server, { method: 'GET', path: '/' }).catch(() => null)
  const about = Landing.safeParse(landing?.json)
  if (!about.success) return foreign(server, said ?? landing ?? { status: 404, type: '' })
  const { url } = server.source
  const same = about.data.version === version
  return new ClientError([
    `kafka-healing ${about.data.version} at ${url} is not understood by this kafka-healing ${version}: ${why}`,
    same ? 'They are of the same version, so this is a defect: please report it.' : 'Use the command of its version.',
  ])
}
