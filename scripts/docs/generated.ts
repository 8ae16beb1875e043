import { join } from 'node:path'
import { z } from 'zod'
import { Trace } from '../../src/http/trace-shape.ts'
import { coveragePage, semanticsCoverage } from './coverage.ts'
import { fieldsOf } from './fields.ts'
import { httpSection } from './http.ts'
import { metricsSection } from './metrics.ts'
import { powersSection } from './powers.ts'
import { describedSchemas, type FileKind } from './schemas.ts'
import { table } from './table.ts'
import { testsPage, testsSchema } from './tests.ts'

/** What people edit, by how the page and the schema are called. */
const FILES: Readonly<Record<FileKind, string>> = {
  config: 'config.yml',
  inventory: 'inventory.yml',
  rules: 'rules/*.yml',
}

const HEAD = `# Reference

Generated from the code by \`npm run docs\`; a test fails when it is out of date. How to use what is listed here:
[setup.md](setup.md), [rules.md](rules.md), [operate.md](operate.md).

The files that people edit, field by field: ${Object.entries(FILES)
  .map(([kind, title]) => `[${title}](reference/${kind}.md)`)
  .join(
    ', ',
  )}, [rules/*.test.yml](reference/tests.md). The same as JSON Schemas, by which an editor completes and checks:
${Object.keys(FILES)
  .map((kind) => `[${kind}](schemas/${kind}.schema.json)`)
  .join(', ')}, [tests](schemas/tests.schema.json); the shipped files name theirs in their first line.`

function pageHead(title: string): string {
  return `# ${title}

Generated from the code by \`npm run docs\`; a test fails when it is out of date.

A field without a default that is not marked *required* may be left out. Durations are written \`30s\`, \`15m\`, \`1h30m\`; sizes
\`16MiB\`, \`2GiB\`. Unknown keys are errors.`
}

/** Every generated file by its path in the repository. */
export async function generated(): Promise<ReadonlyMap<string, string>> {
  const schemas = describedSchemas()
  const files = new Map(
    Object.entries(schemas).map(([name, schema]) => [
      `docs/schemas/${name}.schema.json`,
      `${JSON.stringify(schema, null, 2)}\n`,
    ]),
  )
  for (const [kind, title] of Object.entries(FILES) as [FileKind, string][]) {
    files.set(`docs/reference/${kind}.md`, `${pageHead(title)}\n\n${fieldsTable(schemas[kind], kind)}\n`)
  }
  files.set('docs/reference/tests.md', `${testsPage(pageHead('rules/*.test.yml'))}\n`)
  files.set('docs/schemas/tests.schema.json', `${JSON.stringify(testsSchema(), null, 2)}\n`)
  files.set('docs/schemas/trace.schema.json', `${JSON.stringify(z.toJSONSchema(Trace), null, 2)}\n`)
  const parts = [HEAD, powersSection(), await metricsSection(), await httpSection()]
  files.set('docs/reference.md', `${parts.join('\n\n')}\n`)
  files.set('docs/semantics-coverage.md', coveragePage(semanticsCoverage(join(import.meta.dirname, '../..'))))
  return files
}

function fieldsTable(schema: Parameters<typeof fieldsOf>[0], kind: FileKind): string {
  const rows = fieldsOf(schema, kind).map(({ path, type, fallback, text }) => [`\`${path}\``, type, fallback, text])
  return table(['field', 'type', 'default', 'meaning'], rows)
}
