import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { repository } from '../lab/state.ts'

/** Files of ours that people edit or copy. */
const files = ['config.example.yml', 'inventory.example.yml', ...globSync('rules/*.yml', { cwd: repository })]

function schemaOf(file: string): string {
  const text = readFileSync(join(repository, file), 'utf8')
  const named = /^# yaml-language-server: \$schema=(\S+)$/m.exec(text.split('\n')[0] ?? '')?.[1]
  if (named === undefined) throw new Error(`${file} names no schema in its first line`)
  return join(repository, dirname(file), named)
}

function validate(file: string, change: (value: Record<string, unknown>) => void = () => {}): readonly string[] {
  const ajv = new Ajv2020({ allErrors: true, strictTypes: false, allowUnionTypes: true, validateFormats: false })
  const check = ajv.compile(JSON.parse(readFileSync(schemaOf(file), 'utf8')) as object)
  const value = parse(readFileSync(join(repository, file), 'utf8')) as Record<string, unknown>
  change(value)
  check(value)
  return (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

describe.each(files)('%s', (file) => {
  test('names a schema that is there, by which an editor finds nothing wrong with it', () => {
    expect(existsSync(schemaOf(file))).toBe(true)
    expect(validate(file)).toEqual([])
  })

  test('and an unknown key does not pass', () => {
    expect(validate(file, (value) => Object.assign(value, { unheard_of: true }))).not.toEqual([])
  })
})
