import { z } from 'zod'
import { parseTimestamp } from './alert/payload.ts'
import { duration, flag, hostName, hostPort, httpUrl, name, size, wholeNumber } from './document/fields.ts'
import { isTimeZone, parseSchedule } from './schedule.ts'

/** What it takes to listen beyond this machine without credentials: these words, in `allow_unauthenticated`. */
export const UNDERSTOOD = 'I understand that anyone who reaches this address may act on my brokers'

const text = z.string().min(1, { error: 'must not be empty' })
const path = text
const email = z.email({ error: 'expected an e-mail address such as oncall@example.org' })

const ONE_CLUSTER = 'name at least one cluster, or leave `clusters` out'

const Credential = z.strictObject({
  token: text.optional(),
  token_file: path.optional(),
  username: text.optional(),
  password: text.optional(),
  password_file: path.optional(),
  clusters: z.array(name).min(1, { error: ONE_CLUSTER }).optional(),
})

const Endpoint = z.strictObject({
  url: httpUrl,
  ca_file: path.optional(),
  token: text.optional(),
  token_file: path.optional(),
  username: text.optional(),
  password: text.optional(),
  password_file: path.optional(),
  // Two questions in a row, one source standing in for the other, stay well under what a whole look may take (20 s).
  timeout: duration.default(5_000),
})

const serverFields = {
  host: hostName,
  port: wholeNumber(1, 65_535).optional(),
  security: z.enum(['starttls', 'tls', 'plain']).default('starttls'),
  ca_file: path.optional(),
  server_name: hostName.optional(),
  username: text.optional(),
  password: text.optional(),
  password_file: path.optional(),
}

const Receiver = z.union([
  z.array(email).min(1, { error: 'name at least one address' }),
  z.strictObject({ emails: z.array(email).min(1) }),
])

/** Also text with commas, which is all that INI can say. */
const listOfPaths = z.union([z.array(path).min(1), text.transform((one) => one.split(',').map((part) => part.trim()))])

/** When people work on the cluster, and nothing may be done to it (S-3.4). What excludes what is checked in config.ts. */
const MaintenanceEntry = z.strictObject({
  name,
  schedule: text
    .superRefine((line, context) => {
      // The zone stands beside it and is checked there.
      const read = parseSchedule(line, 'UTC')
      if ('problem' in read) context.addIssue({ code: 'custom', message: read.problem, input: line })
    })
    .optional(),
  starts: z
    .string()
    .refine((written) => parseTimestamp(written) !== null, {
      error: 'expected a time with its offset, such as 2026-12-01T02:00:00+01:00',
    })
    .optional(),
  duration: duration.refine((ms) => ms > 0, { error: 'must be longer than 0' }),
  timezone: text
    .refine(isTimeZone, { error: 'there is no such time zone; expected a name such as Europe/Berlin' })
    .optional(),
  clusters: z.array(name).min(1, { error: 'name at least one cluster' }).optional(),
  targets: z.array(text).min(1, { error: 'name at least one target' }).optional(),
  matchers: z.array(text).min(1, { error: 'at least one is needed' }).optional(),
  comment: text,
})

/** Connections: one waits for its turn in the core, one in intake; the rest lease, renew, and answer questions. */
export const DEFAULT_POOL = 8

/** What the URL may hold is checked in config-database.ts. */
const Database = z.strictObject({
  url: text,
  password: text.optional(),
  password_file: path.optional(),
  ca_file: path.optional(),
  pool: wholeNumber(3, 200).default(DEFAULT_POOL),
})

/** config.yml as it is written. Strict: an unknown key is an error. */
export const ConfigFile = z.strictObject({
  listen: hostPort.default({ host: '127.0.0.1', port: 9095 }),
  external_url: httpUrl.optional(),
  database: z.union([path, Database]).default('data/kafka-healing.db'),
  inventory: path.default('inventory.yml'),
  rules: listOfPaths.default(['rules/*.yml']),
  receiver: text.default('kafka-healing'),
  webhook: z.strictObject({ credentials: z.array(Credential).default([]) }).prefault({}),
  api: z.strictObject({ credentials: z.array(Credential.omit({ clusters: true })).default([]) }).prefault({}),
  tls: z.strictObject({ cert_file: path, key_file: path }).optional(),
  allow_unauthenticated: z.literal(UNDERSTOOD, { error: `must be exactly the words "${UNDERSTOOD}"` }).optional(),
  prometheus: Endpoint.optional(),
  alertmanagers: z
    .array(Endpoint.extend({ clusters: z.array(name).min(1, { error: ONE_CLUSTER }).optional() }))
    .default([]),
  reconcile: z
    .strictObject({
      every: duration.refine((ms) => ms >= 1_000 && ms <= 600_000, { error: 'must be from 1s to 10m' }).default(60_000),
      group_wait: duration.default(30_000),
      settle: duration.default(300_000),
    })
    .prefault({}),
  watchdog: z.strictObject({ alertname: text.default('Watchdog') }).prefault({}),
  smtp: z
    .strictObject({
      ...serverFields,
      from: text.refine((sender) => email.safeParse(/<([^<>]*)>\s*$/.exec(sender)?.[1] ?? sender.trim()).success, {
        error: 'expected an address, or "Name <address>"',
      }),
      backup: z.strictObject(serverFields).optional(),
    })
    .optional(),
  receivers: z.record(name, Receiver).default({}),
  notices: z
    .strictObject({ to: z.array(name).min(1, { error: 'name at least one receiver' }).optional() })
    .prefault({}),
  maintenance: z.array(MaintenanceEntry).default([]),
  reload: z
    .strictObject({
      /** Changed files are taken into force by themselves. */
      watch: flag.default(false),
      debounce: duration
        .refine((ms) => ms >= 100 && ms <= 600_000, { error: 'must be from 100ms to 10m' })
        .default(2_000),
    })
    .prefault({}),
  retention: z
    .strictObject({ days: wholeNumber(1, 3_650).default(90), size: size.default(2 * 1024 ** 3) })
    .prefault({}),
  limits: z
    .strictObject({
      /** Larger webhook bodies are answered 413, counted, and their alerts fetched from Alertmanager. */
      body: size.default(16 * 1024 ** 2),
      /** Beyond this many changes that wait for the core, the webhook answers 503. */
      inbox: wholeNumber(1, 10_000_000).default(100_000),
    })
    .prefault({}),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
})
export type ConfigFile = z.output<typeof ConfigFile>
export type CredentialFields = z.output<typeof Credential>
export type DatabaseFields = z.output<typeof Database>
export type MaintenanceFields = z.output<typeof MaintenanceEntry>
export type EndpointFields = z.output<typeof Endpoint>
export type SmtpFields = NonNullable<ConfigFile['smtp']>
