import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { elements } from './elements.ts'

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(text: string, size = 7): Promise<readonly unknown[]> {
  const all: unknown[] = []
  for await (const some of elements(pieces(Buffer.from(text), size))) all.push(...some)
  return all
}

test('any array of objects is read as JSON.parse reads it, however its bytes are cut', async () => {
  const list = fc.array(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(list, fc.integer({ min: 1, max: 40 }), fc.boolean(), async (value, size, pretty) => {
      const text = JSON.stringify(value, null, pretty ? 2 : 0)
      expect(await read(`${text}\n`, size)).toEqual(JSON.parse(text))
    }),
    { numRuns: 300 },
  )
})

test('brackets, quotes and backslashes within text mean nothing', async () => {
  const odd = [{ 'a"}]': '\\"{[', b: ['}', { c: '\\\\' }] }, {}]
  expect(await read(JSON.stringify(odd), 1)).toEqual(odd)
})

test.each([['{"a":1}'], ['"text"'], ['[1]'], ['[{}] x'], ['<html>']])('%s is refused', async (text) => {
  await expect(read(text)).rejects.toThrow(/no list of objects/)
})

test.each([[''], ['['], ['[{}'], ['[{"a":'], ['[{"a":"']])('what breaks off is refused: %s', async (text) => {
  await expect(read(text)).rejects.toThrow(/ends before its end/)
})
