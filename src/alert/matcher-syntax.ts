import { type Matcher, type MatcherOperator, makeMatcher } from './matcher.ts'

/** `column` counts characters from 1 in the text that was given. */
export type ParsedMatcher = { readonly ok: Matcher } | { readonly problem: string; readonly column: number }

interface Parts {
  readonly name: string
  readonly operator: MatcherOperator
  readonly value: string
}

class SyntaxProblem extends Error {
  override readonly name = 'SyntaxProblem'
  readonly column: number
  constructor(message: string, index: number) {
    super(message)
    this.column = index + 1
  }
}

/**
 * Reads one matcher as Alertmanager in its default mode does: by the UTF-8 grammar and by the classic one; where both
 * succeed and differ, or only the classic one succeeds, that one counts.
 */
export function parseMatcher(text: string): ParsedMatcher {
  const modern = attempt(() => parseModern(text))
  const classic = attempt(() => parseClassic(text))
  // Where neither reads it, the stricter grammar explains better what is wrong.
  const chosen = 'problem' in classic ? modern : classic
  if ('problem' in chosen) return chosen
  const { name, operator, value } = chosen.ok
  const made = makeMatcher(name, operator, value)
  return 'ok' in made
    ? made
    : { problem: made.problem, column: Math.max(1, text.indexOf(operator) + operator.length + 1) }
}

function attempt(parse: () => Parts): { readonly ok: Parts } | { readonly problem: string; readonly column: number } {
  try {
    return { ok: parse() }
  } catch (error) {
    if (error instanceof SyntaxProblem) return { problem: error.message, column: error.column }
    throw error
  }
}

const OPERATORS: readonly MatcherOperator[] = ['=~', '!=', '!~', '=']
const WHITESPACE = /[\t\n\f\r ]/

/** Alertmanager's pkg/labels: bare ASCII name; value bare or quoted, possibly empty; unknown escapes are literal. */
function parseClassic(text: string): Parts {
  let index = skipSpace(text, 0)
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(text.slice(index))?.[0]
  if (name === undefined) throw new SyntaxProblem('a label name was expected', index)
  index = skipSpace(text, index + name.length)
  const operator = operatorAt(text, index)
  index = skipSpace(text, index + operator.length)
  const raw = trimEnd(text.slice(index))
  return { name, operator, value: unescapeClassic(raw, index) }
}

function unescapeClassic(raw: string, offset: number): string {
  const quoted = raw.startsWith('"')
  let closed = false
  let value = ''
  for (let i = quoted ? 1 : 0; i < raw.length; i += 1) {
    const character = raw.charAt(i)
    if (character === '"') {
      if (!quoted || i < raw.length - 1)
        throw new SyntaxProblem('a double quote inside the value must be written \\"', offset + i)
      closed = true
    } else if (character === '\\' && i < raw.length - 1) {
      i += 1
      const next = raw.charAt(i)
      value += next === 'n' ? '\n' : next === '"' || next === '\\' ? next : `\\${next}`
    } else value += character
  }
  if (quoted && !closed) throw new SyntaxProblem('the closing double quote is missing', offset + raw.length)
  return value
}

/** Alertmanager's matcher/parse: name and value each a run of unreserved characters or a Go string. */
function parseModern(text: string): Parts {
  let index = skipSpace(text, 0)
  const name = wordAt(text, index, 'a label name')
  index = skipSpace(text, name.end)
  const operator = operatorAt(text, index)
  index = skipSpace(text, index + operator.length)
  const value = wordAt(text, index, 'a value (write "" for the empty one)')
  index = skipSpace(text, value.end)
  if (index < text.length)
    throw new SyntaxProblem(`unexpected ${JSON.stringify(text.charAt(index))} after the value`, index)
  return { name: name.text, operator, value: value.text }
}

function wordAt(text: string, index: number, what: string): { readonly text: string; readonly end: number } {
  if (text.charAt(index) === '"') return goStringAt(text, index)
  let end = index
  while (end < text.length && !/[{}!=,~\\'"`\s]/.test(text.charAt(end))) end += 1
  if (end === index) {
    const found = index < text.length ? `, found ${JSON.stringify(text.charAt(index))}` : ''
    throw new SyntaxProblem(`${what} was expected${found}`, index)
  }
  return { text: text.slice(index, end), end }
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
}

/** A double-quoted Go string. `\x` and octal escapes stand for single bytes there, so only ASCII ones are text. */
function goStringAt(text: string, start: number): { readonly text: string; readonly end: number } {
  let value = ''
  let index = start + 1
  while (index < text.length) {
    const character = text.charAt(index)
    if (character === '"') return { text: value, end: index + 1 }
    if (character === '\n') throw new SyntaxProblem('a line break inside a quoted string must be written \\n', index)
    if (character !== '\\') {
      value += character
      index += 1
      continue
    }
    const simple = SIMPLE_ESCAPES[text.charAt(index + 1)]
    if (simple !== undefined) {
      value += simple
      index += 2
      continue
    }
    const numeric = /^\\(?:x([0-7][0-9a-fA-F])|([01][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(
      text.slice(index, index + 10),
    )
    const code =
      numeric &&
      Number.parseInt(numeric[1] ?? numeric[3] ?? numeric[4] ?? numeric[2] ?? '', numeric[2] === undefined ? 16 : 8)
    if (numeric === null || code === null || code > 0x10_ffff || (code >= 0xd800 && code <= 0xdfff)) {
      throw new SyntaxProblem('unknown escape in a quoted string (a backslash itself is written \\\\)', index)
    }
    value += String.fromCodePoint(code)
    index += numeric[0].length
  }
  throw new SyntaxProblem('the closing double quote is missing', text.length)
}

function operatorAt(text: string, index: number): MatcherOperator {
  const operator = OPERATORS.find((candidate) => text.startsWith(candidate, index))
  if (operator === undefined) throw new SyntaxProblem('one of = != =~ !~ was expected', index)
  return operator
}

function skipSpace(text: string, from: number): number {
  let index = from
  while (index < text.length && WHITESPACE.test(text.charAt(index))) index += 1
  return index
}

function trimEnd(text: string): string {
  let end = text.length
  while (end > 0 && WHITESPACE.test(text.charAt(end - 1))) end -= 1
  return text.slice(0, end)
}
