#!/usr/bin/env node
// npm run docs: writes what docs/ takes from the code (docs/reference.md and docs/schemas/*.json), and from the tests (docs/semantics-coverage.md).
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { generated } from './docs/generated.ts'

const root = join(import.meta.dirname, '..')

for (const [path, text] of await generated()) {
  const file = join(root, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  console.log(path)
}
