#!/usr/bin/env node
// npm run mutate [-- <part of a name>]: breaks the shipped rules in one place at a time and says which of that their tests do not notice.
import { join, relative } from 'node:path'
import { whyEquivalent } from './mutate/equivalent.ts'
import { mutate } from './mutate/run.ts'
import { scoreOf } from './mutate/score.ts'

const root = join(import.meta.dirname, '..')
const rules = join(root, 'rules/kafka.yml')

const checked = await mutate(
  {
    config: join(root, 'config.example.yml'),
    inventory: join(root, 'inventory.example.yml'),
    rules,
    tests: join(root, 'rules/kafka.test.yml'),
  },
  {
    only: process.argv[2] ?? '',
    onDone: ({ mutant, fate, by }) => {
      const { line, column, what } = mutant
      const why = fate === 'survived' ? whyEquivalent(what) : by
      const word = fate === 'survived' && why !== null ? 'equivalent' : fate
      const first = why?.split('\n')[0]
      console.log(
        `${relative(process.cwd(), rules)}:${line}:${column}: ${word.padEnd(10)}  ${what}${first ? `  (${first})` : ''}`,
      )
    },
  },
)
const { text, ok } = scoreOf(checked)
console.log(`\n${text}`)
process.exitCode = ok ? 0 : 1
