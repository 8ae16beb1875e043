import { statSync } from 'node:fs'
import { basename, extname, join } from 'node:path'

/** Files of tests by their names: beside the rules, where `rules` does not take them for rules. */
export const TESTS_PATTERN = '*.test.{yml,yaml,json}'

/** All files of rules in a folder, as a glob that finds their tests, too: {@link isTestsFile}. */
export function rulesIn(folder: string): string {
  return join(folder, '*.{yml,yaml,json}')
}

/** By its name it holds tests of rules. */
export function isTestsFile(path: string): boolean {
  return basename(path, extname(path)).endsWith('.test')
}

/** An entry of `rules`, or a part of its path, stands for whatever files it fits. */
export function isGlob(path: string): boolean {
  return /[*?[{]/.test(path)
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
