/** Rules of this repository that no ready-made rule covers. */

interface Report {
  report(finding: { readonly node: object; readonly message: string }): void
}

interface Property {
  readonly key: { readonly name?: string; readonly value?: unknown }
  readonly value: { readonly value?: unknown }
}

interface Construction {
  readonly callee: { readonly name?: string }
  readonly arguments: readonly unknown[]
}

const noShell = {
  create: (context: Report) => ({
    Property(node: Property) {
      if ((node.key.name ?? node.key.value) !== 'shell' || node.value.value === false) return
      context.report({ node, message: 'No command goes through a shell: pass its arguments as an array.' })
    },
  }),
}

const noCurrentDate = {
  create: (context: Report) => ({
    NewExpression(node: Construction) {
      if (node.callee.name !== 'Date' || node.arguments.length > 0) return
      context.report({ node, message: 'Only src/clock.ts reads the clock.' })
    },
  }),
}

export default { meta: { name: 'house' }, rules: { 'no-shell': noShell, 'no-current-date': noCurrentDate } }
