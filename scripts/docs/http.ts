import { pino } from 'pino'
import { systemClock } from '../../src/clock.ts'
import type { HttpDeps } from '../../src/http/deps.ts'
import { buildServer } from '../../src/http/server.ts'
import type { Node } from './schemas.ts'
import { table } from './table.ts'

interface Operation {
  readonly summary?: string
  readonly tags?: readonly string[]
  readonly security?: readonly unknown[]
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly description?: string
    readonly schema?: Node
  }[]
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: Node }>> }
}

export interface Route {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

/** Every route as the OpenAPI document of the running program states it. */
export async function routes(): Promise<readonly Route[]> {
  const unused = {} as never
  const deps: HttpDeps = {
    store: unused,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    telemetry: unused,
    intake: unused,
    wake: () => undefined,
    onTruncated: () => undefined,
    reload: async () => ({ ok: false, problems: [] }),
    status: () => unused,
    match: () => unused,
    known: () => ({ clusters: [], targets: [], rules: [] }),
    planOf: () => null,
    webhookCredentials: [],
    apiCredentials: [],
    tls: null,
    bodyBytes: 1,
    version: '0',
  }
  const app = buildServer(deps)
  try {
    const { paths } = (await app.inject('/openapi.json')).json<{ paths: Record<string, Record<string, Operation>> }>()
    return Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
    )
  } finally {
    await app.close()
  }
}

export async function httpSection(): Promise<string> {
  const all = (await routes()).filter(({ path }) => path === '/' || !path.endsWith('/'))
  const rows = all.map(({ method, path, operation }) => [
    `\`${method} ${path}\``,
    path === '/webhook' ? '`webhook`' : operation.security === undefined ? '' : '`api`',
    operation.summary ?? '',
    path === '/webhook' ? "Alertmanager's body" : [...parametersOf(operation), ...bodyOf(operation)].join(', '),
  ])
  const text = `## HTTP

\`GET /openapi.json\` is the whole interface, \`GET /docs\` the same to read. *Needs* names the section of config.yml whose
credentials a request must carry where any are configured. Parameters and body fields with \`*\` are required.`
  return `${text}\n\n${table(['route', 'needs', 'what it does', 'takes'], rows)}`
}

function parametersOf({ parameters = [] }: Operation): readonly string[] {
  return parameters.filter((one) => one.in === 'query').map((one) => `\`${one.name}\`${one.required ? '*' : ''}`)
}

function bodyOf({ requestBody }: Operation): readonly string[] {
  const schema = Object.values(requestBody?.content ?? {})[0]?.schema
  const objects = [schema, ...(schema?.anyOf ?? [])].filter((one) => one?.properties !== undefined)
  return objects.flatMap((one) =>
    Object.keys(one?.properties ?? {}).map((name) => `\`${name}\`${one?.required?.includes(name) === true ? '*' : ''}`),
  )
}
