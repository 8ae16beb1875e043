import { formatMatcher, type Matcher } from '../../alert/matcher.ts'
import { parseMatchers } from '../../http/matcher-list.ts'
import { wrongUsage } from '../client/error.ts'

export type Asked =
  | { readonly incident: number }
  | { readonly fingerprint: string }
  | { readonly matchers: readonly Matcher[] }

/**
 * What a person typed: `7` or `#7` an incident, sixteen hexadecimal digits an alert's fingerprint, anything else matchers, of
 * which a bare word is the alert's name, as in amtool.
 */
export function askedFor(text: string): Asked {
  const trimmed = text.trim()
  if (/^[0-9a-f]{16}$/i.test(trimmed)) return { fingerprint: trimmed.toLowerCase() }
  const [, digits] = /^#?(\d{1,15})$/.exec(trimmed) ?? []
  if (digits !== undefined && Number(digits) > 0) return { incident: Number(digits) }
  const name = /^[a-zA-Z_:][\w:-]*$/.test(trimmed) ? `alertname="${trimmed}"` : trimmed
  const parsed = parseMatchers(name)
  if ('ok' in parsed) return { matchers: parsed.ok }
  throw wrongUsage(
    `${JSON.stringify(text)} is neither the number of an incident, nor a fingerprint, nor matchers:`,
    ...parsed.problems.map(({ problem }) => problem),
  )
}

/** The labels that matchers spell out; throws where one of them leaves a choice. */
export function labelsOf(matchers: readonly Matcher[]): Readonly<Record<string, string>> {
  const open = matchers.find(({ operator }) => operator !== '=')
  if (open)
    throw wrongUsage(
      `${formatMatcher(open)} leaves open what the label is; without a service say all of an alert's labels, e.g. alertname=KafkaBrokerDown,cluster=orders,broker_id=2`,
    )
  return Object.fromEntries(matchers.map(({ name, value }) => [name, value]))
}
