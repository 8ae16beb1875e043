import { join } from 'node:path'
import { coveragePage, semanticsCoverage } from './coverage.ts'
import { fieldsOf } from './fields.ts'
import { httpSection } from './http.ts'
import { metricsSection } from './metrics.ts'
import { powersSection } from './powers.ts'
import { describedSchemas } from './schemas.ts'
import { table } from './table.ts'

const HEAD = `# Reference

Generated from the code by \`npm run docs\`; a test fails when it is out of date. How to use what is listed here:
[setup.md](setup.md), [rules.md](rules.md), [operate.md](operate.md). The same as JSON Schemas for editors:
[config](schemas/config.schema.json), [inventory](schemas/inventory.schema.json), [rules](schemas/rules.schema.json).

A field without a default that is not marked *required* may be left out. Durations are written \`30s\`, \`15m\`, \`1h30m\`; sizes
\`16MiB\`, \`2GiB\`. Unknown keys are errors.`

/** Every generated file by its path in the repository. */
export async function generated(): Promise<ReadonlyMap<string, string>> {
  const schemas = describedSchemas()
  const files = new Map(
    Object.entries(schemas).map(([name, schema]) => [
      `docs/schemas/${name}.schema.json`,
      `${JSON.stringify(schema, null, 2)}\n`,
    ]),
  )
  const parts = [
    HEAD,
    section('config.yml', schemas.config, 'config'),
    section('inventory.yml', schemas.inventory, 'inventory'),
    section('rules/*.yml', schemas.rules, 'rules'),
    powersSection(),
    await metricsSection(),
    await httpSection(),
  ]
  files.set('docs/reference.md', `${parts.join('\n\n')}\n`)
  files.set('docs/semantics-coverage.md', coveragePage(semanticsCoverage(join(import.meta.dirname, '../..'))))
  return files
}

function section(
  title: string,
  schema: Parameters<typeof fieldsOf>[0],
  name: 'config' | 'inventory' | 'rules',
): string {
  const rows = fieldsOf(schema, name).map(({ path, type, fallback, text }) => [`\`${path}\``, type, fallback, text])
  return `## ${title}\n\n${table(['field', 'type', 'default', 'meaning'], rows)}`
}
