import type { Command } from 'commander'
import { complete } from './candidates.ts'
import { knownOf } from './known.ts'

/**
 * `kafka-healing complete -- <words…>`: what the shells' own functions ask (scripts.ts). The first line says whether files
 * go there, too; then one candidate a line, a tab, and what it is.
 */
export async function answerShell(program: Command, words: readonly string[]): Promise<void> {
  const { candidates, files, known, before } = complete(program, words)
  const typed = (words.at(-1) ?? '').slice(before.length)
  const found = known === null ? [] : await knownOf(known, words, process.env)
  const fitting = found.filter(({ value }) => value.startsWith(typed))
  const all = [...candidates, ...fitting.map(({ value, says }) => ({ value: before + value, says }))]
  const lines = all.map(({ value, says }) => `${value}\t${says.split('\n')[0] ?? ''}`)
  process.stdout.write(`${[files ? ':files' : ':words', ...lines].join('\n')}\n`)
}
