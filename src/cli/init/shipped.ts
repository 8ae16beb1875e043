import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const root = join(import.meta.dirname, '../../..')

/** Where a file that comes with kafka-healing lies, such as `rules/kafka.yml`. */
export function shippedFile(path: string): string {
  return join(root, path)
}

export function shipped(path: string): string {
  return readFileSync(shippedFile(path), 'utf8')
}

/** What tells an editor which keys a file may have; `folder` is where the file will lie. */
export function schemaLine(name: 'config' | 'inventory' | 'rules', folder: string): string {
  return `yaml-language-server: $schema=${relative(folder, shippedFile(`docs/schemas/${name}.schema.json`))}`
}
