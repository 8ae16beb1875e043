import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { shippedRules, writeRules } from '../../test/support/rules.ts'
import { formatProblem } from '../document/problem.ts'
import { loadConfiguration } from './configuration.ts'
import { granted } from './granted.ts'
import type { Powers } from './powers.ts'

const root = new URL('../../', import.meta.url).pathname
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kafka-healing-configuration-'))
  for (const file of ['config.example.yml', 'inventory.example.yml']) cpSync(join(root, file), join(folder, file))
  mkdirSync(join(folder, 'secrets'))
  writeFileSync(join(folder, 'secrets/healer_ed25519'), 'a key', { mode: 0o600 })
})
afterEach(() => rmSync(folder, { recursive: true }))

function noticesTo(more: string): readonly string[] {
  const file = join(folder, 'config.example.yml')
  const shared = 'receivers: { kafka-oncall: [a@x.org], leads: [b@x.org], vendor: [c@x.org] }\n'
  writeFileSync(file, `${readFileSync(file, 'utf8').replace(/^receivers:\n.*\n/m, shared)}${more}`)
  const shipped = shippedRules()
  const escalation = { to: ['kafka-oncall'], repeat: '4h', levels: [{ to: ['leads'], after: '1h' }] }
  writeRules(folder, { ...shipped, rules: shipped.rules.map((rule) => ({ ...rule, escalation })) })
  const loaded = loadConfiguration(file, granted, {})
  if ('problems' in loaded) throw new Error(loaded.problems.map(formatProblem).join('\n'))
  return loaded.ok.noticesTo
}

test('what belongs to no single incident goes to everybody whom a rule names, further levels too', () => {
  expect(noticesTo('')).toEqual(['kafka-oncall', 'leads'])
})

test('or to those whom the configuration names', () => {
  expect(noticesTo('notices: { to: [vendor] }\n')).toEqual(['vendor'])
})

test('where only the rules are looked at, files of secrets need not be there, and are named all the same', () => {
  const file = join(folder, 'config.example.yml')
  const inventory = join(folder, 'inventory.example.yml')
  writeFileSync(file, `${readFileSync(file, 'utf8')}api: { credentials: [{ token_file: secrets/token }] }\n`)
  writeFileSync(
    inventory,
    readFileSync(inventory, 'utf8').replace(
      /^( *)cluster_id:.*$/m,
      '$&\n$1security: { protocol: SSL, ca_file: ca.pem }',
    ),
  )
  writeRules(folder, { ...shippedRules(), rules: shippedRules().rules.map((rule) => ({ ...rule, mode: 'act' })) })
  rmSync(join(folder, 'secrets'), { recursive: true })

  const strict = loadConfiguration(file, granted, {})
  const lenient = loadConfiguration(file, granted, {}, Date.now(), 'warning')

  const absent = ['secrets/token does not exist', 'ca.pem does not exist', 'secrets/healer_ed25519 does not exist']
  const said = 'problems' in strict ? strict.problems.filter(({ severity }) => severity === 'error') : []
  expect(said.map(({ message }) => absent.find((one) => message.endsWith(one)))).toEqual(absent)
  if ('problems' in lenient) throw new Error(lenient.problems.map(formatProblem).join('\n'))
  expect(lenient.ok.rules).toHaveLength(shippedRules().rules.length)
  expect(lenient.warnings.filter((one) => one.absent).map(({ severity }) => severity)).toEqual(
    absent.map(() => 'warning'),
  )
})

/** The powers that are granted, but that someone writes a file whenever a step is compiled, so many times. */
function writing(file: string, most: number): Powers {
  let times = 0
  const actions = granted.actions.map((action) => ({
    ...action,
    traits: (...args: Parameters<typeof action.traits>) => {
      if (times < most) writeFileSync(file, `${readFileSync(file, 'utf8')}# ${(times += 1)}\n`)
      return action.traits(...args)
    },
  }))
  return { ...granted, actions }
}

test('what was changed while it was read is read again, so that the revision names what was read', () => {
  writeRules(folder, shippedRules())
  const file = join(folder, 'config.example.yml')
  for (const changing of [file, join(folder, 'inventory.example.yml'), join(folder, 'rules', 'kafka.yml')]) {
    const loaded = loadConfiguration(file, writing(changing, 1), {})
    if ('problems' in loaded) throw new Error(loaded.problems.map(formatProblem).join('\n'))
    const settled = loadConfiguration(file, granted, {})
    expect(loaded.ok.revision).toEqual('ok' in settled && settled.ok.revision)
    expect(loaded.ok.rules[0]?.plan.revision).toBe(loaded.ok.revision.name)
  }
})

test('files that never stand still are refused', () => {
  writeRules(folder, shippedRules())
  const file = join(folder, 'config.example.yml')
  const loaded = loadConfiguration(file, writing(join(folder, 'rules', 'kafka.yml'), Number.POSITIVE_INFINITY), {})
  expect('problems' in loaded && loaded.problems.map(({ message }) => message)).toEqual([
    'the files kept changing while they were read; try again when nobody writes them',
  ])
})

test('an empty rules file is one that is being written, and does not mean no rules', () => {
  const file = join(folder, 'config.example.yml')
  const problems = (text: string) => {
    mkdirSync(join(folder, 'rules'), { recursive: true })
    writeFileSync(join(folder, 'rules', 'kafka.yml'), text)
    const loaded = loadConfiguration(file, granted, {})
    return 'problems' in loaded ? loaded.problems.map(({ message }) => message) : []
  }
  expect(problems('')).toEqual(['the file is empty'])
  expect(problems(' \n')).toEqual(['the file is empty'])
  expect(problems('# none yet\n')).toEqual([])
  expect(problems('rules: []\n')).toEqual([])
})
