import { times } from '../../notify/naming.ts'
import { type Colour, type Paint, printable } from '../terminal.ts'
import type { Finding, Status } from './finding.ts'

const COLOURS: Readonly<Record<Status, Colour>> = { ok: 'green', warning: 'yellow', failed: 'red' }

/** One table, findings on one thing together; below each that is not ok what to do. */
export function renderText(findings: readonly Finding[], paint: Paint): string {
  const width = Math.max(0, ...findings.map(({ check }) => printable(check).length))
  const blocks = [...groupsOf(findings)].map(([on, group]) =>
    [paint('bold', printable(on)), ...group.flatMap((one) => lines(one, width, paint))].join('\n'),
  )
  return `${blocks.join('\n\n')}\n\n${summary(findings)}\n`
}

export function renderJson(findings: readonly Finding[]): string {
  const { failed, warning } = counts(findings)
  return `${JSON.stringify({ ok: failed === 0, failed, warnings: warning, findings }, null, 2)}\n`
}

function lines({ check, status, seen, todo }: Finding, width: number, paint: Paint): readonly string[] {
  const first = `  ${paint(COLOURS[status], status.padEnd(7))}  ${printable(check).padEnd(width)}  ${printable(seen)}`
  return todo === null ? [first] : [first, `${' '.repeat(width + 13)}→ ${printable(todo)}`]
}

function groupsOf(findings: readonly Finding[]): ReadonlyMap<string, readonly Finding[]> {
  const groups = new Map<string, Finding[]>()
  for (const finding of findings) groups.set(finding.on, [...(groups.get(finding.on) ?? []), finding])
  return groups
}

function summary(findings: readonly Finding[]): string {
  const { ok, warning, failed } = counts(findings)
  return `${ok} ok, ${times(warning, 'warning')}, ${failed} failed`
}

function counts(findings: readonly Finding[]): Readonly<Record<Status, number>> {
  const count = (status: Status) => findings.filter((finding) => finding.status === status).length
  return { ok: count('ok'), warning: count('warning'), failed: count('failed') }
}
