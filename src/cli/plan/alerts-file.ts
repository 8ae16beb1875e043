import { readFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import type { Alert } from '../../alert/alert.ts'
import { parseDelivery } from '../../alert/payload.ts'
import { type Instant, iso } from '../../clock.ts'
import { isObject } from '../../object.ts'

/** What the webhook takes at most, in bytes. */
const LARGEST = 16 * 1024 * 1024

/** The text of a file, or of standard input for `-`. Throws a sentence when it cannot be had. */
export async function readText(file: string, stdin: Readable): Promise<string> {
  if (file !== '-') return readFile(file, 'utf8')
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk as Buffer)
    length += bytes.length
    if (length > LARGEST) throw new Error(`standard input holds more than ${LARGEST} bytes`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * The alerts in a webhook body, in a list of alerts (as Alertmanager's API answers), or in one alert that stands alone. What
 * a hand-written alert leaves out is filled in: it fires, since now.
 */
export function alertsIn(text: string, now: Instant): { readonly ok: readonly Alert[] } | { readonly problem: string } {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (error) {
    return { problem: `not JSON: ${error instanceof Error ? error.message : String(error)}` }
  }
  const parsed = parseDelivery(isObject(body) && 'alerts' in body ? body : deliveryOf(body, now))
  if ('problem' in parsed) return parsed
  return parsed.ok.alerts.length === 0 ? { problem: 'it holds no alert' } : { ok: parsed.ok.alerts }
}

function deliveryOf(body: unknown, now: Instant): unknown {
  const alerts = (Array.isArray(body) ? body : [body]).map((alert) => completed(alert, now))
  return { version: '4', status: 'firing', alerts }
}

function completed(alert: unknown, now: Instant): unknown {
  if (!isObject(alert)) return alert
  const { status, startsAt = iso(now) } = alert
  // Alertmanager's API tells the state in an object, and lists only what has not ended.
  return { ...alert, startsAt, status: status === undefined || isObject(status) ? 'firing' : status }
}
