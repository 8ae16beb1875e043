import { type DatabaseFields, DEFAULT_POOL } from './config-schema.ts'
import type { Complain, Path } from './document/document.ts'
import type { secretReader } from './document/secret-file.ts'
import { Secret } from './secret.ts'

/** Where what must be remembered is kept. Paths are absolute. */
export type Database =
  | { readonly kind: 'sqlite'; readonly path: string }
  | ({ readonly kind: 'postgres' } & PostgresServer)

export interface PostgresServer {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password: Secret | null
  /** False: in clear text. Else with TLS, and the server's name and certificate are checked. */
  readonly tls: boolean
  /** Authorities to believe instead of the system's own. */
  readonly caFile: string | null
  /** Connections at most. */
  readonly pool: number
}

interface Reading {
  readonly complain: Complain
  readonly secrets: ReturnType<typeof secretReader>
  readonly inFolder: (path: string) => string
  readonly existing: (path: string | undefined, at: Path) => string | null
}

const AT = ['database'] as const
const URL_LIKE = /^postgres(?:ql)?:\/\//
const EXPECTED = 'expected postgres://user@host:port/database'
/** How `sslmode` is understood: whoever asks for TLS gets it checked. */
const SSL_MODES: Readonly<Record<string, boolean>> = { disable: false, require: true, 'verify-full': true }

/** A path, or how to reach PostgreSQL: its URL by itself or with what belongs to it. No message shows a password. */
export function readDatabase(written: string | DatabaseFields, reading: Reading): Database {
  if (typeof written === 'string' && !URL_LIKE.test(written)) {
    return { kind: 'sqlite', path: reading.inFolder(written) }
  }
  const fields: DatabaseFields = typeof written === 'string' ? { url: written, pool: DEFAULT_POOL } : written
  const at = typeof written === 'string' ? AT : [...AT, 'url']
  return { kind: 'postgres', ...server(fields, at, reading) }
}

function server(fields: DatabaseFields, at: Path, { complain, secrets, existing }: Reading): PostgresServer {
  const url = URL_LIKE.test(fields.url) ? URL.parse(fields.url) : null
  const caFile = existing(fields.ca_file, [...AT, 'ca_file'])
  const separate = secrets('password', fields, AT)
  const decoded = url && {
    user: decode(url.username),
    password: decode(url.password),
    database: decode(url.pathname.slice(1)),
    host: decode(url.hostname.replace(/^\[(.*)\]$/, '$1')),
  }
  if (!url || !decoded || decoded.user === '' || decoded.database === '' || decoded.host === '') {
    complain(at, EXPECTED)
    return { host: '', port: 0, user: '', database: '', password: null, tls: false, caFile, pool: fields.pool }
  }
  if (decoded.password !== '' && separate !== null)
    complain([...AT, 'password_file'], 'the URL names a password already')
  for (const key of url.searchParams.keys()) {
    if (key !== 'sslmode') complain(at, `unknown parameter "${key}" in the URL; known: sslmode`)
  }
  const mode = url.searchParams.get('sslmode')
  const asked = mode === null ? null : SSL_MODES[mode]
  if (asked === undefined) complain(at, `sslmode must be one of ${Object.keys(SSL_MODES).join(', ')}`)
  if (asked === false && caFile !== null)
    complain([...AT, 'ca_file'], 'ca_file asks for TLS, sslmode=disable forbids it')
  return {
    host: decoded.host,
    port: url.port === '' ? 5_432 : Number(url.port),
    user: decoded.user,
    database: decoded.database,
    password: decoded.password === '' ? separate : new Secret(decoded.password),
    tls: caFile !== null || asked === true,
    caFile,
    pool: fields.pool,
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return ''
  }
}
