import type { Host } from '../hosts/host.ts'
import type { DataDirectory } from '../inventory/inventory.ts'
import { type HostProblem, hostProblem } from './host-problem.ts'

export const HOLD_FILE = '/etc/kafka-healing.hold'
const LIMIT_MS = 10_000
/** meta.properties holds five short lines. */
const HEAD_BYTES = '4096'

/** What a host's own files say (S-2.3, S-2.4). */
export interface HostFacts {
  readonly held: boolean
  readonly directories: readonly DirectoryFacts[]
}

export interface DirectoryFacts {
  readonly path: string
  readonly mount: boolean
  /** Where the file system is mounted that holds the directory; null when it could not be read. */
  readonly mountedAt: string | null
  readonly sizeBytes: number | null
  readonly availableBytes: number | null
  /** Keys and values of meta.properties; null when it could not be read, for the reason in `problem`. */
  readonly meta: Readonly<Record<string, string>> | null
  readonly problem: string | null
}

/** Reads the hold file, `meta.properties` and the file system of each directory, in two commands. */
export async function readHostFacts(
  host: Host,
  directories: readonly DataDirectory[],
  signal: AbortSignal,
  holdFile: string = HOLD_FILE,
): Promise<HostFacts | HostProblem> {
  const files = [holdFile, ...directories.map(metaFile)]
  const options = { limitMs: LIMIT_MS, signal }
  const paths = directories.map(({ path }) => path)
  const [head, df] = await Promise.all([
    host.run(['head', '-v', '-c', HEAD_BYTES, '--', ...files], options),
    paths.length > 0 ? host.run(['df', '-B1', '--output=size,avail,target', '--', ...paths], options) : null,
  ])
  if (head.kind !== 'exited') return hostProblem(head)
  if (df !== null && df.kind !== 'exited') return hostProblem(df)
  if (head.timedOut || df?.timedOut)
    return { cause: 'tool', reason: `reading the data directories took over ${LIMIT_MS} ms` }
  // Without head nothing could be read, which must not look as if nothing were there.
  if (head.exitCode !== 0 && head.exitCode !== 1) {
    return { cause: 'tool', reason: `head: exit code ${head.exitCode}, ${head.stderr.trim()}` }
  }
  const contents = sections(head.stdout, files)
  // df leaves out what it cannot read, and then its lines cannot be told apart.
  const systems = df?.exitCode === 0 ? fileSystems(df.stdout) : []
  return {
    held: contents.has(holdFile) || !isMissing(head.stderr, holdFile),
    directories: directories.map((directory, at) => {
      const content = contents.get(metaFile(directory))
      const system = systems.length === directories.length ? systems[at] : undefined
      return {
        path: directory.path,
        mount: directory.mount,
        mountedAt: system?.mountedAt ?? null,
        sizeBytes: system?.sizeBytes ?? null,
        availableBytes: system?.availableBytes ?? null,
        meta: content === undefined ? null : properties(content),
        problem: content === undefined ? problemWith(head.stderr, metaFile(directory)) : null,
      }
    }),
  }
}

function metaFile(directory: DataDirectory): string {
  return `${directory.path.replace(/\/+$/, '')}/meta.properties`
}

/** `head -v` puts `==> name <==` before each file that it could open, in the order of its arguments. */
function sections(stdout: string, files: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  let rest = stdout
  for (const [at, file] of files.entries()) {
    const header = `==> ${file} <==\n`
    if (!rest.startsWith(header)) continue
    const body = rest.slice(header.length)
    const ends = files.slice(at + 1).map((next) => body.indexOf(`\n==> ${next} <==\n`))
    const end = Math.min(...ends.map((index) => (index < 0 ? Number.POSITIVE_INFINITY : index)), body.length)
    found.set(file, body.slice(0, end))
    rest = body.slice(end).replace(/^\n/, '')
  }
  return found
}

function isMissing(stderr: string, file: string): boolean {
  return stderr.split('\n').some((line) => line.includes(`'${file}'`) && line.endsWith('No such file or directory'))
}

function problemWith(stderr: string, file: string): string {
  return stderr.split('\n').find((line) => line.includes(`'${file}'`)) ?? `${file} could not be read`
}

function fileSystems(stdout: string): readonly { sizeBytes: number; availableBytes: number; mountedAt: string }[] {
  return stdout
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, size, available, target] = /^\s*(\d+)\s+(\d+)\s(.+)$/.exec(line) ?? []
      if (size === undefined || available === undefined || target === undefined) return []
      return { sizeBytes: Number(size), availableBytes: Number(available), mountedAt: target.trim() }
    })
}

function properties(text: string): Readonly<Record<string, string>> {
  const pairs = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.includes('=') && !line.startsWith('#'))
    .map((line) => [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1).trim()] as const)
  return Object.fromEntries(pairs)
}
