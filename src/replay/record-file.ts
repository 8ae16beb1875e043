import { closeSync, createReadStream, openSync, readSync } from 'node:fs'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { z } from 'zod'
import type { Labels } from '../alert/alert.ts'
import { parseTimestamp } from '../alert/payload.ts'
import { type Instant, iso } from '../clock.ts'
import { isObject } from '../object.ts'
import type { Recorded, RecordedVerdict } from '../store/recorded.ts'
import { CHANGES, type SilenceMatcher } from '../store/store.ts'

/**
 * The file of `export alerts`: lines of JSON. The first is the header, each further one something that was recorded, the
 * last one says that it is whole. Times are RFC 3339.
 */
const FORMAT = 'kafka-healing alerts'
const VERSION = 1
/** In characters; an alert of this size has passed no webhook. */
const LONGEST_LINE = 4 * 1024 * 1024
/** Lines that are handed on together. */
const CHUNK = 2_000

export interface Header {
  readonly since: Instant
  readonly until: Instant
  readonly exportedAt: Instant
  /** Annotations, reasons, names and comments of people were left out. */
  readonly redacted: boolean
}

/** A file that cannot be read; the message begins with `file:line:`. */
export class BadRecordError extends Error {
  override name = 'BadRecordError'
}

export function headerLine({ since, until, exportedAt, redacted }: Header): string {
  const times = { since: iso(since), until: iso(until), exportedAt: iso(exportedAt) }
  return `${JSON.stringify({ format: FORMAT, version: VERSION, ...times, redacted })}\n`
}

export function lastLine(lines: number): string {
  return `${JSON.stringify({ end: true, lines })}\n`
}

export function lineOf(one: Recorded, redacted: boolean): string {
  return `${JSON.stringify(written(one, redacted))}\n`
}

function written(one: Recorded, redacted: boolean): object {
  const at = iso(one.at)
  switch (one.kind) {
    case 'alert': {
      const { kind: _, annotations, startsAt, endsAt, ...rest } = one
      const times = { startsAt: iso(startsAt), endsAt: endsAt === null ? null : iso(endsAt) }
      return { ...rest, at, ...times, ...(annotations === null || redacted ? {} : { annotations }) }
    }
    case 'guards':
      return {
        ...one,
        at,
        until: one.until === null ? null : iso(one.until),
        verdicts: one.verdicts.map(({ until, reason, ...verdict }) => ({
          ...verdict,
          ...(until === undefined ? {} : { until: iso(until) }),
          reason: redacted ? '' : reason,
        })),
      }
    case 'silence':
    case 'pause': {
      const people = redacted ? { author: '', comment: '' } : {}
      return { ...one, at, startsAt: iso(one.startsAt), endsAt: iso(one.endsAt), ...people }
    }
    case 'health':
    case 'attempt':
      return { ...one, at }
    default:
      return one satisfies never
  }
}

const time = z.string().transform((text, context): Instant => {
  const at = parseTimestamp(text)
  if (at !== null) return at
  context.addIssue({ code: 'custom', message: `${JSON.stringify(text.slice(0, 50))} is not an RFC 3339 time` })
  return z.NEVER
})

const HeaderLine = z.object({
  format: z.literal(FORMAT, { error: `this is no file of \`kafka-healing export alerts\`` }),
  version: z.literal(VERSION, { error: `this build reads version ${VERSION} only` }),
  since: time,
  until: time,
  exportedAt: time,
  redacted: z.boolean(),
})

/** Not `z.record`: a label called `__proto__` is odd but is a label. */
const labelSet = z.custom<Labels>(
  (value) => isObject(value) && Object.values(value).every((text) => typeof text === 'string'),
  'expected an object whose values are strings',
)
const fingerprint = z.string().regex(/^[0-9a-f]{16}$/, { error: 'expected 16 hexadecimal digits' })

const AlertLine = z.object({
  at: time,
  change: z.enum(CHANGES),
  fingerprint,
  labels: labelSet,
  annotations: labelSet.nullable().default(null),
  startsAt: time,
  endsAt: time.nullable(),
  credential: z.string().nullable(),
})

const verdict: z.ZodType<RecordedVerdict> = z.object({
  guard: z.string(),
  verdict: z.enum(['pass', 'hold', 'refuse', 'unknown']),
  reason: z.string(),
  params: z.exactOptional(z.record(z.string(), z.unknown())),
  quiet: z.exactOptional(z.boolean()),
  until: z.exactOptional(time),
  escalate: z.exactOptional(z.enum(['identity', 'permission', 'unreachable', 'humanChanged'])),
  approvable: z.exactOptional(z.literal(true)),
  gone: z.exactOptional(z.boolean()),
})

const matcher: z.ZodType<SilenceMatcher> = z.object({
  name: z.string(),
  value: z.string(),
  isRegex: z.boolean(),
  isEqual: z.boolean(),
})
const hold = { at: time, startsAt: time, endsAt: time, author: z.string(), comment: z.string() }

const OtherLine = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('guards'),
    at: time,
    until: time.nullable(),
    target: z.string(),
    culpritOf: z.string().nullable(),
    disruptive: z.boolean().nullable(),
    verdicts: z.array(verdict),
  }),
  z.object({ kind: z.literal('health'), at: time, healed: z.boolean(), fingerprints: z.array(fingerprint) }),
  z.object({ kind: z.literal('attempt'), at: time, rule: z.string(), target: z.string() }),
  z.object({ kind: z.literal('silence'), ...hold, id: z.string(), matchers: z.array(matcher) }),
  z.object({ kind: z.literal('pause'), ...hold, scope: z.string() }),
])

const LastLine = z.object({ end: z.literal(true), lines: z.int() })

export interface RecordFile {
  readonly header: Header
  /** Throws {@link BadRecordError} for the first line that is none. */
  readonly record: AsyncGenerator<readonly Recorded[]>
}

/** Reads a file of `export alerts`, packed or not; `-` is standard input. Throws {@link BadRecordError}. */
export async function openRecordFile(path: string, stdin: Readable): Promise<RecordFile> {
  const name = path === '-' ? 'standard input' : path
  const lines = linesOf(name, path === '-' ? stdin : fileStream(path))
  const first = await lines.next()
  const line = first.done ? { number: 1, text: '' } : first.value
  const { format: _, version: __, ...header } = checked(HeaderLine, parsed(line, name), line, name)
  return { header, record: recordIn(lines, name) }
}

async function* recordIn(lines: AsyncIterable<Line>, name: string): AsyncGenerator<readonly Recorded[]> {
  let chunk: Recorded[] = []
  let last: Line = { number: 1, text: '' }
  let whole = false
  for await (const line of lines) {
    last = line
    if (whole) throw bad(name, line, 'there is something behind the last line')
    const value = parsed(line, name)
    if (isObject(value) && 'end' in value) {
      const { lines: expected } = checked(LastLine, value, line, name)
      if (expected !== line.number - 2)
        throw bad(name, line, `there are ${line.number - 2} lines before, and ${expected} were written`)
      whole = true
    } else if (isObject(value) && 'kind' in value) chunk.push(checked(OtherLine, value, line, name))
    else chunk.push({ kind: 'alert', ...checked(AlertLine, value, line, name) })
    if (chunk.length < CHUNK) continue
    yield chunk
    chunk = []
  }
  if (!whole) throw bad(name, last, 'the file ends here, without its last line: it was cut off')
  yield chunk
}

function parsed(line: Line, name: string): unknown {
  try {
    return JSON.parse(line.text)
  } catch (error) {
    throw bad(name, line, `this is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown, line: Line, name: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const path = (issue?.path ?? []).join('.')
  throw bad(name, line, `${path === '' ? '' : `${path}: `}${issue?.message ?? 'not as expected'}`)
}

function bad(name: string, { number }: Line, problem: string): BadRecordError {
  return new BadRecordError(`${name}:${number}: ${problem}`)
}

interface Line {
  /** Counted from 1. */
  readonly number: number
  readonly text: string
}

async function* linesOf(name: string, stream: Readable): AsyncGenerator<Line, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let number = 0
  let rest = ''
  try {
    for await (const chunk of stream) {
      rest += decoder.decode(chunk as Buffer, { stream: true })
      let from = 0
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', from)) {
        number += 1
        yield { number, text: rest.slice(from, end) }
        from = end + 1
      }
      rest = rest.slice(from)
      if (rest.length > LONGEST_LINE)
        throw bad(name, { number: number + 1, text: '' }, `a line of more than ${LONGEST_LINE} characters`)
    }
    rest += decoder.decode()
  } catch (error) {
    throw readable(name, number + 1, error)
  }
  if (rest !== '') yield { number: number + 1, text: rest }
}

function readable(name: string, line: number, error: unknown): unknown {
  if (error instanceof BadRecordError || !(error instanceof Error)) return error
  const code = 'code' in error ? String(error.code) : ''
  const at = { number: line, text: '' }
  if (error instanceof TypeError) return bad(name, at, 'this line, or one soon after it, is not UTF-8')
  if (code.startsWith('Z_')) return bad(name, at, `the packed file is damaged or was cut off (${error.message})`)
  if (code === 'ENOENT') return new BadRecordError(`${name} does not exist`)
  return new BadRecordError(`${name} cannot be read: ${error.message}`)
}

function fileStream(path: string): Readable {
  const stream = createReadStream(path, { highWaterMark: 256 * 1024 })
  return isPacked(path) ? pipeline(stream, createGunzip(), () => undefined) : stream
}

/** By its first two bytes, whatever it is called. */
function isPacked(path: string): boolean {
  const first = Buffer.alloc(2)
  try {
    const file = openSync(path, 'r')
    try {
      readSync(file, first)
    } finally {
      closeSync(file)
    }
  } catch {
    // Opening it again says why.
    return false
  }
  return first[0] === 0x1f && first[1] === 0x8b
}
