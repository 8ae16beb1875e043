import { globSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { loadConfig } from '../../config.ts'
import { problemIn } from '../../document/document.ts'
import type { Problem } from '../../document/problem.ts'
import { shown } from '../../rule-tests/configuration.ts'
import { rulesFiles } from '../../rules/configuration.ts'
import { isFolder, TESTS_PATTERN } from '../../rules/rules-files.ts'

/** The files of tests that the command line names; without any, those beside the rules of the configuration. */
export function testFiles(
  named: readonly string[],
  config: string,
): { readonly files: readonly string[] } | { readonly problems: readonly Problem[] } {
  if (named.length === 0) return besideRules(config)
  const files = named.flatMap((each) => {
    if (!isFolder(each)) return [each]
    return globSync(join(each, '**', TESTS_PATTERN)).toSorted()
  })
  if (files.length === 0) return nothing(named[0] ?? '', `there is no ${TESTS_PATTERN} in it: nothing to test`)
  return { files: [...new Set(files)] }
}

function besideRules(config: string): ReturnType<typeof testFiles> {
  const read = loadConfig(config)
  if (read.paths === null) return { problems: read.problems }
  const folders = new Set(rulesFiles(read, []).map((file) => dirname(resolve(file))))
  const files = [...folders].flatMap((folder) => globSync(join(folder, TESTS_PATTERN)).toSorted())
  if (files.length === 0) return nothing(config, `there is no ${TESTS_PATTERN} beside its rules: nothing to test`)
  return { files: files.map(shown) }
}

function nothing(file: string, message: string): ReturnType<typeof testFiles> {
  return { problems: [problemIn(file, { line: 1, column: 1 }, message)] }
}
