import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { firing, HOUR, MINUTE, T0 } from '../../test/support/record.ts'
import type { Recorded } from '../store/recorded.ts'
import { BadRecordError, type Header, headerLine, lastLine, lineOf, openRecordFile } from './record-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-record-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const header: Header = { since: T0, until: T0 + HOUR, exportedAt: T0 + 2 * HOUR, redacted: false }
const labels = { alertname: 'KafkaBrokerDown', cluster: 'orders', broker_id: '1', odd: 'a "b"\n\u{1f9ea}' }
const hold = { at: T0, startsAt: T0, endsAt: T0 + HOUR, author: 'ann', comment: 'disk' }
const recorded: readonly Recorded[] = [
  { kind: 'silence', ...hold, id: 's', matchers: [{ name: 'a', value: 'b', isRegex: true, isEqual: false }] },
  { kind: 'pause', ...hold, scope: 'rule:broker-down' },
  ...firing(labels, T0, 10 * MINUTE, { annotations: { summary: 'down' }, credential: 'main' }),
  {
    kind: 'guards',
    at: T0 + 1,
    until: null,
    target: 'orders/broker/1',
    culpritOf: 'orders',
    disruptive: null,
    verdicts: [
      { guard: 'symptom', verdict: 'refuse', reason: 'runs on kafka-1', params: { unit: 'crashed' } },
      { guard: 'still-firing', verdict: 'hold', reason: 'silenced', quiet: true, until: T0 + HOUR },
    ],
  },
  { kind: 'health', at: T0 + 2, healed: true, fingerprints: ['0123456789abcdef'] },
  { kind: 'attempt', at: T0 + 3, rule: 'broker-down', target: 'orders/broker/1' },
]

const fileOf = (lines: readonly string[]): string => lines.join('')
const whole = (redacted = false): string =>
  fileOf([headerLine(header), ...recorded.map((one) => lineOf(one, redacted)), lastLine(recorded.length)])

let files = 0
async function read(content: string | Buffer, name = `${++files}.ndjson`): Promise<readonly Recorded[]> {
  const path = join(folder, name)
  writeFileSync(path, content)
  return all((await openRecordFile(path, Readable.from([]))).record)
}

async function all(record: AsyncIterable<readonly Recorded[]>): Promise<readonly Recorded[]> {
  const found: Recorded[] = []
  for await (const chunk of record) found.push(...chunk)
  return found
}

describe('a file of recorded alerts', () => {
  test('gives back what was written, packed or not, whatever it is called', async () => {
    expect(await read(whole())).toEqual(recorded)
    expect(await read(gzipSync(whole()), 'packed.ndjson')).toEqual(recorded)
    expect(await read(whole(), 'not-packed.gz')).toEqual(recorded)
  })

  test('may come over standard input, cut anywhere', async () => {
    const bytes = Buffer.from(whole())
    const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, n) => bytes.subarray(n * 7, n * 7 + 7))
    const { header: read, record } = await openRecordFile('-', Readable.from(pieces))
    expect(read).toEqual(header)
    expect(await all(record)).toEqual(recorded)
  })

  test('redacted says nothing that people or hosts said', async () => {
    const text = whole(true)
    for (const secret of ['ann', 'disk', 'summary', 'kafka-1', 'silenced']) expect(text).not.toContain(secret)
    expect((await read(text)).map(({ kind }) => kind)).toEqual(recorded.map(({ kind }) => kind))
  })

  const first = lineOf(recorded[2] as Recorded, false)
  const changed = (change: object): string => `${JSON.stringify({ ...JSON.parse(first), ...change })}\n`
  test.each<[string, string | Buffer, RegExp]>([
    ['empty', '', /:1: this is not JSON/],
    ['no record', '{"format":"something"}\n', /:1: format: this is no file of `kafka-healing export alerts`/],
    [
      'of a later version',
      whole().replace('"version":1', '"version":2'),
      /:1: version: this build reads version 1 only/,
    ],
    ['not JSON in one line', fileOf([headerLine(header), first, 'nonsense\n', lastLine(2)]), /:3: this is not JSON/],
    [
      'an alert without labels',
      fileOf([headerLine(header), changed({ labels: null }), lastLine(1)]),
      /:2: labels: expected an object/,
    ],
    [
      'a label that is no text',
      fileOf([headerLine(header), changed({ labels: { a: 1 } }), lastLine(1)]),
      /:2: labels: /,
    ],
    ['an unknown change', fileOf([headerLine(header), first, changed({ change: 'x' }), lastLine(2)]), /:3: change: /],
    [
      'an odd fingerprint',
      fileOf([headerLine(header), changed({ fingerprint: '../x' }), lastLine(1)]),
      /:2: fingerprint: /,
    ],
    [
      'a time that is none',
      fileOf([headerLine(header), changed({ at: 'today' }), lastLine(1)]),
      /:2: at: "today" is not an RFC 3339 time/,
    ],
    ['an unknown kind', fileOf([headerLine(header), '{"kind":"x"}\n', lastLine(1)]), /:2: kind: /],
    ['cut off', fileOf([headerLine(header), first]), /:2: the file ends here, without its last line: it was cut off/],
    [
      'short of a line',
      fileOf([headerLine(header), first, lastLine(2)]),
      /:3: there are 1 lines before, and 2 were written/,
    ],
    ['two files in one', `${whole()}${whole()}`, /:10: there is something behind the last line/],
    [
      'no UTF-8',
      Buffer.from([...Buffer.from(headerLine(header)), 0xff, 0xfe, 0x0a]),
      /:1: this line, or one soon after it, is not UTF-8/,
    ],
    ['packed and cut off', gzipSync(whole()).subarray(0, 200), /the packed file is damaged or was cut off/],
    ['one endless line', `${headerLine(header)}${'x'.repeat(5 * 1024 * 1024)}`, /:2: a line of more than/],
  ])('that is %s is refused, with its line', async (_name, content, message) => {
    const reading = read(content)
    await expect(reading).rejects.toThrow(BadRecordError)
    await expect(reading).rejects.toThrow(message)
  })

  test('that is not there, or no file, is said so', async () => {
    const open = (path: string) => openRecordFile(path, Readable.from([]))
    await expect(open(join(folder, 'nothing'))).rejects.toThrow(/nothing does not exist$/)
    await expect(open(folder)).rejects.toThrow(/cannot be read/)
  })
})
