import { readFileSync } from 'node:fs'
import type { Source } from '../../probes/exchange.ts'
import { configured } from './configured.ts'
import { ClientError, wrongUsage } from './error.ts'

export interface ServerOptions {
  readonly url?: string
  readonly config?: string
  readonly tokenFile?: string
  readonly caFile?: string
  /** For each request, answer included. Milliseconds. */
  readonly timeout: number
}

type Env = Readonly<Record<string, string | undefined>>

/** The service that is asked, and how we came to it. */
export interface Server {
  readonly source: Source
  /** Where the address is from, for a message. */
  readonly from: string
  /** Which credential is sent, or why none is, for a message. */
  readonly credential: string
  /** Options that reach the same service again, for commands that are proposed. */
  readonly again: readonly string[]
}

/**
 * By `--url`, else `KAFKA_HEALING_URL`, else by the configuration. The configuration's credential goes to the configuration's
 * address only. A token is never an argument: everybody on the machine sees those.
 */
export function findServer(options: ServerOptions, env: Env): Server {
  const url = options.url ?? given(env['KAFKA_HEALING_URL'])
  const own = url === undefined ? configured(options.config, env) : null
  const caFile = options.caFile ?? given(env['KAFKA_HEALING_CA_FILE']) ?? null
  const credential = credentialOf(options, env, own)
  return {
    source: {
      url: own?.url ?? checkedUrl(url ?? '', options.url === undefined ? 'KAFKA_HEALING_URL' : '--url'),
      ...(credential.authorization !== null && { headers: { authorization: credential.authorization } }),
      caFile: caFile,
      certFile: caFile === null ? (own?.certFile ?? null) : null,
      timeoutMs: options.timeout,
    },
    from: own?.from ?? (options.url === undefined ? 'KAFKA_HEALING_URL' : '--url'),
    credential: credential.what,
    again: again(options),
  }
}

function credentialOf(
  { tokenFile }: ServerOptions,
  env: Env,
  own: ReturnType<typeof configured> | null,
): { readonly authorization: string | null; readonly what: string } {
  if (tokenFile !== undefined)
    return { authorization: `Bearer ${tokenIn(tokenFile)}`, what: `the token in ${tokenFile}` }
  const token = given(env['KAFKA_HEALING_TOKEN'])
  if (token !== undefined) return { authorization: `Bearer ${token}`, what: 'the token in KAFKA_HEALING_TOKEN' }
  if (own?.authorization != null)
    return { authorization: own.authorization, what: `the first of api.credentials in ${own.from}` }
  return { authorization: null, what: own?.unreadable ?? 'none' }
}

function tokenIn(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new ClientError([`--token-file: ${error instanceof Error ? error.message : String(error)}`])
  }
  // What a header cannot hold would break the request with words that name no file.
  if (!/^[\x21-\x7e]+$/.test(text)) throw new ClientError([`--token-file ${file}: expected one token and nothing else`])
  return text
}

function checkedUrl(text: string, name: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw wrongUsage(`${name} ${text}: expected an address such as http://127.0.0.1:9095`)
  if (url.username !== '' || url.password !== '')
    throw wrongUsage(`${name}: no credentials in an address; put a token into a file and name it with --token-file`)
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

function again({ url, config, tokenFile, caFile }: ServerOptions): readonly string[] {
  return [
    ...(url === undefined ? [] : ['--url', url]),
    ...(config === undefined ? [] : ['--config', config]),
    ...(tokenFile === undefined ? [] : ['--token-file', tokenFile]),
    ...(caFile === undefined ? [] : ['--ca-file', caFile]),
  ]
}

/** An empty variable counts as none. */
function given(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
