import { createInterface } from 'node:readline'
import { printable } from '../terminal.ts'
import type { Ask } from './questions.ts'

export interface Asker {
  readonly ask: Ask
  close(): void
}

/** What a person says who goes away instead of answering. */
export class NotAnsweredError extends Error {
  override name = 'NotAnsweredError'
}

/** Asks on a terminal. Questions go to `output`, which is standard error: what is printed for programs stays clean. */
export function openAsker(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Asker {
  const terminal = createInterface({ input, output })
  terminal.once('SIGINT', () => terminal.close())
  // Unlike `question` this keeps lines that come before they are asked for, as when somebody pastes several.
  const lines = terminal[Symbol.asyncIterator]()
  const ask: Ask = async ({ text, otherwise, problemWith }) => {
    const proposal = otherwise === null || otherwise === '' ? '' : ` [${printable(otherwise)}]`
    terminal.setPrompt(`${text}${proposal}: `)
    for (;;) {
      terminal.prompt()
      const line = await lines.next()
      if (line.done === true) throw new NotAnsweredError('not all questions were answered')
      const answer = line.value.trim() === '' ? otherwise : line.value.trim()
      const problem = answer === null ? 'there must be an answer' : answer === '' ? null : problemWith(answer)
      if (problem === null) return answer ?? ''
      output.write(`  ${printable(problem)}\n`)
    }
  }
  return { ask, close: () => terminal.close() }
}
