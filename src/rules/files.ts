import { createHash } from 'node:crypto'
import { glob, readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { pathsIn } from '../config.ts'
import { parseDocument } from '../document/document.ts'
import { withVariables } from '../document/variables.ts'
import { headOf, isBusy, type WorkTree, workTreeAround } from '../git/work-tree.ts'
import { isGlob, isTestsFile, rulesIn } from './rules-files.ts'

/** The files behind a configuration at one moment. */
export interface FilesSeen {
  /**
   * Another one whenever a reload could take something else into force: the commit, names and contents of configuration,
   * inventory and rules, and of the files they name. What secret files hold is in it, so it never leaves the process.
   */
  readonly fingerprint: string
  /** Git is in the middle of changing them. */
  readonly busy: boolean
}

/** Beyond that a file is known by its size and time: nothing that decides is so large. Bytes. */
const LARGEST_READ = 1024 * 1024

/**
 * Looks at all files behind a configuration, by their contents. Asked now and then, that notices what notifications of the
 * kernel miss: changes over NFS, and the symbolic links that Kubernetes swaps. Nothing waits for a disk that does not
 * answer but the promise, and it never rejects.
 */
export function filesLook(
  configFile: string,
  env: Readonly<Record<string, string | undefined>>,
): () => Promise<FilesSeen> {
  const file = resolve(configFile)
  const parsed = new Map<string, Parsed>()

  /** Read anew only where the text is another one. */
  const valueIn = (path: string, content: string): unknown => {
    const known = parsed.get(path)
    if (known?.content === content) return known.value
    const value = parseDocument(path, content).document?.value
    const made = { content, value: path === file ? withVariables(value, env, () => undefined) : value }
    parsed.set(path, made)
    return made.value
  }

  return async () => {
    const contents = new Map<string, Buffer>()
    const read = async (paths: readonly string[]): Promise<void> => {
      await Promise.all(paths.map(async (path) => contents.set(path, await contentOf(path))))
    }
    const textOf = (path: string): string => contents.get(path)?.toString('utf8') ?? ''
    await read([file])
    const config = valueIn(file, textOf(file))
    const paths = pathsIn(file, config ?? {})
    const beside = filesNamedIn(config).map((named) => resolve(dirname(file), named))
    if (paths === null) {
      await read(beside)
      return seenIn(contents)
    }
    const rules = (await Promise.all(paths.rules.map(filesBehind))).flat()
    await read([...beside, paths.inventory, ...rules])
    const inventory = valueIn(paths.inventory, textOf(paths.inventory))
    await read(filesNamedIn(inventory).map((named) => resolve(dirname(paths.inventory), named)))
    for (const path of parsed.keys()) if (path !== file && path !== paths.inventory) parsed.delete(path)
    return seenIn(contents)
  }
}

interface Parsed {
  readonly content: string
  readonly value: unknown
}

function seenIn(contents: ReadonlyMap<string, Buffer>): FilesSeen {
  const trees = new Map<string, WorkTree>()
  for (const folder of new Set([...contents.keys()].map(dirname))) {
    const tree = workTreeAround(folder)
    if (tree !== null) trees.set(tree.own, tree)
  }
  const hash = createHash('sha256')
  for (const tree of [...trees.values()].toSorted((a, b) => (a.own < b.own ? -1 : 1)))
    hash.update(`${headOf(tree) ?? ''}\0`)
  // They are read side by side, in whatever order.
  for (const [path, content] of [...contents].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${path}\0${content.length}\0`).update(content)
  return { fingerprint: hash.digest('hex'), busy: [...trees.values()].some(isBusy) }
}

/** Every value of a key such as `password_file` or `ca_file`, wherever it stands. */
function filesNamedIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'string' && key.endsWith('_file') ? [inner] : filesNamedIn(inner),
  )
}

/** As `rules` in config.yml means it: a file, a folder or a glob. */
async function filesBehind(entry: string): Promise<readonly string[]> {
  const pattern = (await isFolder(entry)) ? rulesIn(entry) : entry
  const segments = pattern.split(sep)
  const wild = segments.findIndex(isGlob)
  if (wild < 0) return [pattern]
  // From where it begins to be one: each segment before that would be looked up again.
  const cwd = segments.slice(0, wild).join(sep) || sep
  const found: string[] = []
  for await (const path of glob(segments.slice(wild).join(sep), { cwd }))
    if (!isTestsFile(path)) found.push(join(cwd, path))
  return found
}

/** As the one of the same name, but nothing waits for a disk that does not answer. */
async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

/** Why a file cannot be read is part of what there is to see. */
async function contentOf(path: string): Promise<Buffer> {
  try {
    const found = await stat(path)
    if (!found.isFile()) return Buffer.from('not a file')
    if (found.size > LARGEST_READ) return Buffer.from(`${found.size} bytes of ${found.mtimeMs}`)
    return await readFile(path)
  } catch (error) {
    return Buffer.from(error instanceof Error && 'code' in error ? String(error.code) : String(error))
  }
}
