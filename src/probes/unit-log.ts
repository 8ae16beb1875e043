import type { Host } from '../hosts/host.ts'
import type { Unit } from '../inventory/inventory.ts'
import { isUnitName, LOOK_LIMIT_MS, systemctl } from './unit-state.ts'

/**
 * The unit's last lines, as evidence for people: from the file its output is appended to, else from the journal. Empty when
 * this account may read neither.
 */
export async function unitLog(host: Host, unit: Unit, lines: number, signal?: AbortSignal): Promise<string> {
  if (!isUnitName(unit.name)) return ''
  const file = await logFile(host, unit, signal)
  return read(
    host,
    file === null ? journalOf(unit, '-n', String(lines)) : ['tail', '-n', String(lines), '--', file],
    signal,
  )
}

/** The file that the unit's output is appended to; null: the journal's, as far as its files can be read and understood. */
export async function logFile(host: Host, unit: Unit, signal?: AbortSignal): Promise<string | null> {
  // `show` tells that output is appended, not to which file.
  const text = await read(host, [...systemctl({ ...unit, sudo: false }), 'cat', unit.name], signal)
  return outputFile(text, unit.name)
}

/** Prints the unit's messages from the journal, as many as the arguments say. */
export function journalOf(unit: Unit, ...which: readonly string[]): readonly string[] {
  const manager = unit.manager === 'user' ? ['--user'] : []
  return ['journalctl', ...manager, '--unit', unit.name, ...which, '-o', 'cat', '-q', '--no-pager']
}

/** The file a unit writes its output to, from its files as `systemctl cat` prints them; the last setting counts. */
export function outputFile(unitFiles: string, name: string): string | null {
  let file: string | null = null
  for (const [, value = ''] of unitFiles.matchAll(/^\s*Standard(?:Output|Error)\s*=\s*(.*?)\s*$/gm)) {
    // `StandardError=inherit` and the like follow what StandardOutput says.
    const path = /^(?:append|file|truncate):(\/.*)$/.exec(value)?.[1]
    if (path !== undefined) file = path
    else if (value !== 'inherit') file = null
  }
  return file === null ? null : withSpecifiers(file, name)
}

/** Null for specifiers that the unit's name alone does not explain. */
function withSpecifiers(path: string, name: string): string | null {
  const bare = name.replace(/\.[a-z]+$/, '')
  const [prefix = '', instance = ''] = bare.split('@')
  const known: Readonly<Record<string, string>> = { '%n': name, '%N': bare, '%p': prefix, '%i': instance, '%%': '%' }
  const unknown = [...path.matchAll(/%./g)].some(([specifier]) => known[specifier] === undefined)
  return unknown ? null : path.replaceAll(/%./g, (specifier) => known[specifier] ?? specifier)
}

async function read(host: Host, argv: readonly string[], signal?: AbortSignal): Promise<string> {
  const run = await host.run(argv, { limitMs: LOOK_LIMIT_MS, ...(signal && { signal }) })
  return run.kind === 'exited' && run.exitCode === 0 ? run.stdout : ''
}
