import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { Secret } from '../secret.ts'
import type { Complain, Path } from './document.ts'

type SecretFields = Partial<Record<'token' | 'token_file' | 'password' | 'password_file', string | undefined>>

/** Reads `<key>` or `<key>_file` (its text without the line break at the end). */
export function secretReader(folder: string, complain: Complain) {
  return (key: 'token' | 'password', fields: SecretFields, at: Path): Secret | null => {
    const inline = fields[key]
    const file = fields[`${key}_file`]
    if (inline !== undefined && file !== undefined)
      complain([...at, key], `${key} and ${key}_file exclude each other`, 'key')
    if (inline !== undefined) return new Secret(inline)
    if (file === undefined) return null
    const path = resolve(folder, file)
    const problem = unreadableFile(path)
    const text = problem === null ? readFileSync(path, 'utf8').replace(/\r?\n$/, '') : ''
    if (problem !== null) complain([...at, `${key}_file`], problem, 'value', isAbsent(path))
    else if (text === '') complain([...at, `${key}_file`], `${path} is empty`)
    return new Secret(text)
  }
}

/** Nothing of that name is there. */
export function isAbsent(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) === undefined
}

/** Why a file cannot be read, or null. */
export function unreadableFile(path: string): string | null {
  try {
    const stat = statSync(path)
    if (!stat.isFile()) return `${path} is not a file`
    readFileSync(path)
    return null
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return code === 'ENOENT' ? `${path} does not exist` : `${path} cannot be read (${code})`
  }
}
