import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { parse } from 'yaml'
import { loadConfiguration } from './configuration.ts'
import { granted } from './granted.ts'

const root = new URL('../../', import.meta.url)
const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-fuzz-'))
afterAll(() => rmSync(folder, { recursive: true }))
mkdirSync(join(folder, 'rules'))

const shipped = ['config.example.yml', 'inventory.example.yml', 'rules/kafka.yml'].map((file) => ({
  file,
  value: parse(readFileSync(new URL(file, root), 'utf8')) as unknown,
}))

/** Every place in a value, as paths. */
function placesIn(value: unknown, path: readonly (string | number)[] = []): readonly (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  const inner = Object.entries(value).flatMap(([key, each]) =>
    placesIn(each, [...path, Array.isArray(value) ? Number(key) : key]),
  )
  return [path, ...inner]
}

function replaceAt(value: unknown, path: readonly (string | number)[], by: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return by
  if (Array.isArray(value))
    return value.map((each: unknown, index) => (index === step ? replaceAt(each, rest, by) : each))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]): [string, unknown] => [
      key,
      key === step ? replaceAt(each, rest, by) : each,
    ]),
  )
}

const slip = fc.integer({ min: 0, max: shipped.length - 1 }).chain((index) =>
  fc.record({
    index: fc.constant(index),
    path: fc.constantFrom(...placesIn(shipped[index]?.value)),
    by: fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom(
        'all',
        '*',
        '',
        '-oProxyCommand=x',
        '../x',
        '${HOME}',
        '${NOPE}',
        '0s',
        'from-labels',
        'act',
        0,
        -1,
        null,
        [],
        {},
      ),
    ),
  }),
)

it('whatever is written in one place, loading says so or works, and never throws', () => {
  fc.assert(
    fc.property(fc.array(slip, { minLength: 1, maxLength: 2 }), (slips) => {
      for (const [index, { file, value }] of shipped.entries()) {
        const edited = slips
          .filter((each) => each.index === index)
          .reduce((text, { path, by }) => replaceAt(text, path, by), value)
        writeFileSync(join(folder, file), JSON.stringify(edited))
      }

      const loaded = loadConfiguration(join(folder, 'config.example.yml'), granted, { HOME: 'h' })

      if ('ok' in loaded) {
        for (const target of loaded.ok.inventory.targets.values()) expect(target.host).toMatch(/^[A-Za-z0-9_:]/)
        for (const { severity } of loaded.warnings) expect(severity).toBe('warning')
      } else {
        expect(loaded.problems.some(({ severity }) => severity === 'error')).toBe(true)
        for (const { line, column, message } of loaded.problems)
          expect(line > 0 && column > 0 && message.length > 0).toBe(true)
      }
    }),
    { numRuns: 150 },
  )
})
