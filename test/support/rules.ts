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

/**
 * The shipped rules in mode act, with times that a test can wait for. A lab has started all of its units within the half hour
 * that `human-first` looks back (S-5.12): only what comes after the alert counts here.
 */
export function quickRules(change: Readonly<Record<string, unknown>> = {}): RuleFile {
  const shipped = shippedRules()
  const quick = {
    mode: 'act',
    after: '0s',
    attempts: { max: 3, backoff: { initial: '2s', multiplier: 2, max: '10s' }, stable: '3s' },
    ...change,
  }
  const guards = [{ 'human-first': { look_back_minutes: 0 } }]
  return {
    rules: shipped.rules.map((rule) => ({ ...rule, ...quick })),
    runbooks: Object.fromEntries(Object.entries(shipped.runbooks).map(([name, book]) => [name, { ...book, guards }])),
  }
}

/** Writes them where the configuration in `folder` looks for rules. */
export function writeRules(folder: string, rules: RuleFile): void {
  mkdirSync(join(folder, 'rules'), { recursive: true })
  writeFileSync(join(folder, 'rules', 'kafka.yml'), stringify(rules, { aliasDuplicateObjects: false }))
}

/** Told soon, so that a test can read the mail. */
export const QUICK_TELLING = {
  to: ['kafka-oncall'],
  repeat: '4h',
  tell_by: '4s',
  escalate_after: '2s',
  start_patience: '3s',
}

/** The quick rules for alerts that a test posts itself. */
export function postedRules(change: Readonly<Record<string, unknown>> = {}): RuleFile {
  return quickRules({ firing: { source: 'webhook', max_age: '1h' }, escalation: QUICK_TELLING, ...change })
}
