import type { Matcher } from '../alert/matcher.ts'
import { parseMatcher } from '../alert/matcher-syntax.ts'
import type { FieldProblem } from './problem.ts'

/**
 * Reads matchers as Alertmanager writes them: a list of single ones, or one text such as `{alertname="x", cluster=~"a|b"}`
 * (braces may be left out). Answers every problem at once.
 */
export function parseMatchers(
  written: string | readonly string[],
): { readonly ok: readonly Matcher[] } | { readonly problems: readonly FieldProblem[] } {
  const list = typeof written === 'string' ? splitMatchers(written) : written
  const problems: FieldProblem[] = []
  const ok: Matcher[] = []
  for (const [index, text] of list.entries()) {
    const parsed = parseMatcher(text)
    if ('ok' in parsed) ok.push(parsed.ok)
    else
      problems.push({
        field: `matchers[${index}]`,
        problem: `${parsed.problem} (at character ${parsed.column} of ${text})`,
      })
  }
  if (list.length === 0)
    problems.push({ field: 'matchers', problem: 'at least one is needed, e.g. alertname="KafkaBrokerDown"' })
  return problems.length > 0 ? { problems } : { ok }
}

/** Cuts at commas outside quotes. */
export function splitMatchers(text: string): readonly string[] {
  const trimmed = text.trim()
  const inner = trimmed.startsWith('{') && trimmed.endsWith('}') ? trimmed.slice(1, -1) : trimmed
  const parts: string[] = []
  let part = ''
  let quoted = false
  for (let index = 0; index < inner.length; index += 1) {
    const character = inner.charAt(index)
    if (quoted && character === '\\') {
      part += character + inner.charAt(index + 1)
      index += 1
      continue
    }
    if (character === '"') quoted = !quoted
    if (character === ',' && !quoted) {
      parts.push(part)
      part = ''
    } else part += character
  }
  parts.push(part)
  return parts.map((one) => one.trim()).filter((one) => one !== '')
}
