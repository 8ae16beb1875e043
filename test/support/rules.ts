import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'

export interface RuleFile {
  rules: Record<string, unknown>[]
  runbooks: Record<string, Record<string, unknown>>
}

/** The shipped rules, so that tests run what users get. */
export function shippedRules(): RuleFile {
  return parse(readFileSync(join(import.meta.dirname, '../../rules/kafka.yml'), 'utf8')) as RuleFile
}

/** The shipped rules in mode act, with times that a test can wait for. */
export function quickRules(change: Readonly<Record<string, unknown>> = {}): RuleFile {
  const shipped = shippedRules()
  const quick = {
    mode: 'act',
    after: '0s',
    attempts: { max: 3, backoff: { initial: '2s', multiplier: 2, max: '10s' }, stable: '3s' },
    ...change,
  }
  return { ...shipped, rules: shipped.rules.map((rule) => ({ ...rule, ...quick })) }
}

/** Writes them where the configuration in `folder` looks for rules. */
export function writeRules(folder: string, rules: RuleFile): void {
  mkdirSync(join(folder, 'rules'), { recursive: true })
  writeFileSync(join(folder, 'rules', 'kafka.yml'), stringify(rules))
}
