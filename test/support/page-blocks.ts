import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from '../lab/state.ts'

export interface Block {
  readonly page: string
  readonly language: string
  /** What the comment on its first line names, e.g. `config.yml`. */
  readonly file: string
  readonly text: string
}

/** Fenced blocks of a page of the repository, those inside of lists without their indentation. */
export function blocksOf(page: string): readonly Block[] {
  return [...readFileSync(join(repository, page), 'utf8').matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].map(
    ([, indent = '', language = '', body = '']) => {
      const text = body.replaceAll(new RegExp(`^${indent}`, 'gm'), '')
      const file = /^(?:#|\/\/) (\S+)$/m.exec(text.split('\n')[0] ?? '')?.[1] ?? ''
      return { page, language, file, text }
    },
  )
}
