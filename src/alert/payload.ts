import { z } from 'zod'
import type { Instant } from '../clock.ts'
import { isObject } from '../object.ts'
import type { Alert, Delivery, Labels } from './alert.ts'
import { storable } from './escape.ts'
import { fingerprintOf } from './fingerprint.ts'

export type ParsedDelivery = { readonly ok: Delivery } | { readonly problem: string }

const Status = z.enum(['firing', 'resolved'])
const Text = z.string().nullish()

/** Not `z.record`: a label called `__proto__` is odd but is a label. */
const LabelSet = z
  .custom<Labels>(
    (value) => isObject(value) && Object.values(value).every((v) => typeof v === 'string'),
    'expected an object whose values are strings',
  )
  .nullish()

const WireAlert = z.object({
  status: Status,
  labels: LabelSet,
  annotations: LabelSet,
  startsAt: z.string(),
  endsAt: Text,
  generatorURL: Text,
  fingerprint: z.unknown().optional(),
})

/** Version "4" of Alertmanager's webhook. Fields that are not named here are ignored: new ones do not change the version. */
const WireDelivery = z.object({
  version: z.literal('4'),
  receiver: Text,
  groupKey: Text,
  status: Status,
  externalURL: Text,
  truncatedAlerts: z.number().int().nonnegative().nullish(),
  alerts: z.array(WireAlert),
})

/** Reads one webhook body (already parsed JSON). Never throws; `problem` is a sentence for the answer and the log. */
export function parseDelivery(body: unknown): ParsedDelivery {
  if (!isObject(body)) return { problem: 'the body is not a JSON object' }
  if (body['version'] !== '4') {
    return {
      problem:
        'the body is not an Alertmanager webhook of version "4"; if this comes from Alertmanager, its webhook_config probably replaces the body with `payload:`',
    }
  }
  const wire = WireDelivery.safeParse(body)
  if (!wire.success) return { problem: sentence(wire.error.issues[0]) }

  const alerts: Alert[] = []
  for (const [index, alert] of wire.data.alerts.entries()) {
    const parsed = toAlert(alert)
    if (typeof parsed === 'string') return { problem: `alerts[${index}].${parsed}` }
    alerts.push(parsed)
  }
  return {
    ok: {
      receiver: storable(unquoteMeta(wire.data.receiver ?? '')),
      groupKey: storable(wire.data.groupKey ?? ''),
      status: wire.data.status,
      externalURL: storable(wire.data.externalURL ?? ''),
      truncatedAlerts: wire.data.truncatedAlerts ?? 0,
      alerts,
    },
  }
}

/** RFC 3339 with up to nanoseconds, cut (not rounded) to milliseconds; null for what is no such time. */
export function parseTimestamp(text: string): Instant | null {
  const parts = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,18}))?([Zz]|[+-]\d{2}:\d{2})$/.exec(text)
  if (parts === null) return null
  const [, day = '', time = '', fraction = '', zone = ''] = parts
  const at = Date.parse(`${day}T${time}.${fraction.padEnd(3, '0').slice(0, 3)}${zone.toUpperCase()}`)
  return Number.isNaN(at) ? null : at
}

function toAlert(wire: z.infer<typeof WireAlert>): Alert | string {
  const startsAt = parseTimestamp(wire.startsAt)
  if (startsAt === null) return 'startsAt is not an RFC 3339 time'
  let endsAt: Instant | null = null
  if (wire.status === 'resolved' && typeof wire.endsAt === 'string') {
    endsAt = parseTimestamp(wire.endsAt)
    if (endsAt === null) return 'endsAt is not an RFC 3339 time'
    if (endsAt < YEAR_2) endsAt = null
  }
  const labels = wire.labels ?? {}
  return {
    fingerprint:
      typeof wire.fingerprint === 'string' && /^[0-9a-f]{16}$/.test(wire.fingerprint)
        ? wire.fingerprint
        : fingerprintOf(labels),
    status: wire.status,
    labels: storableLabels(labels),
    annotations: storableLabels(wire.annotations ?? {}),
    startsAt,
    endsAt,
    generatorURL: storable(wire.generatorURL ?? ''),
  }
}

/** Go's zero time is 0001-01-01; nothing real lies before the year 2. */
const YEAR_2 = Date.parse('0002-01-01T00:00:00.000Z')

function storableLabels(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [storable(name), storable(value)]))
}

/** Alertmanager sends the receiver through Go's `regexp.QuoteMeta`: `ok.recv-1` arrives as `ok\.recv-1`. */
function unquoteMeta(text: string): string {
  return text.replace(/\\([\\.+*?()|[\]{}^$])/g, '$1')
}

function sentence(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'the body does not have the expected shape'
  const path = issue.path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
  return `${path.replace(/^\./, '')}: ${issue.message}`
}
