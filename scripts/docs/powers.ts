import type { z } from 'zod'
import { z as zod } from 'zod'
import { granted } from '../../src/rules/granted.ts'
import type { Node } from './schemas.ts'
import { code, table } from './table.ts'

/** Actions, probes and guards: what the registries grant to runbooks. */
export function powersSection(): string {
  const actions = granted.actions.map((action) =>
    entry(action.type, action.summary, `For: ${action.targets.join(', ')}.`, action.params),
  )
  const probes = granted.probes.map((probe) =>
    entry(probe.type, probe.summary, `For: ${probe.targets.join(', ')}.`, probe.params),
  )
  const guards = granted.guards.map((guard) => {
    if (guard.kind === 'own')
      return entry(guard.type, guard.summary, 'Always. Over its own rows, for all targets.', null)
    const when = guard.always ? 'Always.' : 'Where the runbook names it.'
    return entry(guard.type, guard.summary, `${when} For: ${guard.targets.join(', ')}.`, guard.params)
  })
  return [
    `## Actions\n\nSteps of a rung: \`{ <action>: { … } }\`.`,
    ...actions,
    '## Probes\n\nEntries of `verify`: `{ probe: <probe>, within: <duration>, … }`.',
    ...probes,
    '## Guards',
    ...guards,
  ].join('\n\n')
}

function entry(type: string, summary: string, where: string, params: z.ZodType | null): string {
  const rows =
    params === null ? [] : parameters(zod.toJSONSchema(params, { io: 'input', unrepresentable: 'any' }) as Node)
  return [`### ${type}`, `${summary} ${where}`, ...(rows.length === 0 ? [] : [table(HEAD, rows)])].join('\n\n')
}

const HEAD = ['parameter', 'type', 'default', 'meaning']

function parameters(schema: Node): readonly (readonly string[])[] {
  const own = Object.entries(schema.properties ?? {}).map(([name, node]) => {
    const needed = schema.required?.includes(name) === true && schema.anyOf === undefined
    const fallback = needed ? '*required*' : node.default === undefined ? '' : code(node.default)
    return [`\`${name}\``, typeOf(node), fallback, node.description ?? '']
  })
  return [...own, ...(schema.anyOf ?? []).flatMap(parameters).map((row) => row.with(2, 'one of these'))]
}

function typeOf(node: Node): string {
  if (node.const !== undefined) return code(node.const)
  if (node.enum !== undefined) return node.enum.map(code).join(', ')
  if (node.anyOf !== undefined) return node.anyOf.map(typeOf).join(' or ')
  if (node.type === 'array') return `list of ${typeOf(node.items ?? {})}`
  if (node.type === 'integer') return `number, ${node.minimum ?? '…'} to ${node.maximum ?? '…'}`
  if (node.type === 'string') return 'text'
  if (node.type === 'boolean') return 'true or false'
  if (node.properties !== undefined) {
    return `\`{ ${Object.entries(node.properties)
      .map(([name, inner]) => `${name}: ${typeOf(inner).replaceAll('`', '')}`)
      .join('; ')} }\``
  }
  return node.type === 'object' ? 'names and texts' : (node.type ?? '')
}
