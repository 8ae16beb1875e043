import { createHash } from 'node:crypto'
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { readObject } from './objects.ts'

/** A work tree, read from git's own files: no program is run, so none has to be there, and none does what its settings say. */
export interface WorkTree {
  readonly root: string
  /** HEAD and index of this work tree. */
  readonly own: string
  /** Branches and objects, which linked work trees share. */
  readonly shared: string
}

/** The work tree that `folder` really lies in, wherever symbolic links lead; null when it lies in none. */
export function workTreeAround(folder: string): WorkTree | null {
  return existsSync(folder) ? around(realpathSync(folder)) : null
}

function around(folder: string): WorkTree | null {
  const git = join(folder, '.git')
  if (!existsSync(git)) return dirname(folder) === folder ? null : around(dirname(folder))
  const own = statSync(git).isDirectory() ? git : pointedTo(git)
  if (own === null) return null
  return { root: folder, own, shared: resolve(own, readable(join(own, 'commondir'))?.trim() ?? '.') }
}

/** In a linked work tree and in a submodule `.git` is a file that names the real folder. */
function pointedTo(file: string): string | null {
  const target = /^gitdir: (.+)$/m.exec(readable(file) ?? '')?.[1]
  return target === undefined ? null : resolve(dirname(file), target)
}

/** The commit that is checked out, in full; null before the first one, and where git keeps its branches in a reftable. */
export function headOf({ own, shared }: WorkTree): string | null {
  const head = readable(join(own, 'HEAD'))?.trim() ?? ''
  const ref = /^ref: (refs\/[^\0]+)$/.exec(head)?.[1]
  if (ref === undefined) return asId(head)
  return asId(readable(join(own, ref))) ?? asId(readable(join(shared, ref))) ?? asId(packed(shared, ref))
}

function packed(folder: string, ref: string): string | null {
  const lines = (readable(join(folder, 'packed-refs')) ?? '').split('\n')
  return lines.find((line) => line.endsWith(` ${ref}`))?.split(' ')[0] ?? null
}

function asId(text: string | null): string | null {
  const id = text?.trim() ?? ''
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(id) ? id : null
}

/** Git is in the middle of changing files: it holds its lock from before the first until after the last one. */
export function isBusy({ own }: WorkTree): boolean {
  return existsSync(join(own, 'index.lock'))
}

/** What a commit holds, asked by paths of the work tree. Both throw when git's objects cannot be read. */
export interface Committed {
  /** How the file stands there beside this content, byte by byte; filters such as `autocrlf` are not applied. */
  compare(file: string, content: Buffer): 'same' | 'different' | 'absent'
  /** Names of files and folders in the folder; none when it is not there. */
  namesIn(folder: string): readonly string[]
}

export function committedIn(tree: WorkTree, commit: string): Committed {
  const objects = join(tree.shared, 'objects')
  const read = new Map<string, Buffer>()
  const contentOf = (id: string, type: 'commit' | 'tree'): Buffer => {
    const found = read.get(id) ?? contentIn(objects, id, type)
    read.set(id, found)
    return found
  }
  const entriesOf = (folder: string | null): ReadonlyMap<string, string> =>
    folder === null ? new Map() : entriesIn(contentOf(folder, 'tree'), commit.length / 2)
  const idOf = (path: string): string | null => {
    const root = /^tree ([0-9a-f]+)$/m.exec(contentOf(commit, 'commit').toString('latin1'))?.[1] ?? null
    const names = relative(tree.root, path).split(sep).filter(Boolean)
    return names.reduce<string | null>((folder, name) => entriesOf(folder).get(name) ?? null, root)
  }
  const algorithm = commit.length === 40 ? 'sha1' : 'sha256'
  return {
    compare: (file, content) => {
      const id = idOf(file)
      if (id === null) return 'absent'
      const own = createHash(algorithm).update(`blob ${content.length}\0`).update(content).digest('hex')
      return own === id ? 'same' : 'different'
    },
    namesIn: (folder) => [...entriesOf(idOf(folder)).keys()],
  }
}

function contentIn(objects: string, id: string, type: 'commit' | 'tree'): Buffer {
  const found = readObject(objects, id)
  if (found?.type !== type) throw new Error(`git has no ${type} ${id}`)
  return found.content
}

/** Ids by name. An entry of a tree is `<mode> <name>\0<id>`. */
function entriesIn(tree: Buffer, idBytes: number): ReadonlyMap<string, string> {
  const entries = new Map<string, string>()
  for (let at = 0; at < tree.length; ) {
    const end = tree.indexOf(0, at)
    const name = tree.toString('utf8', tree.indexOf(' ', at) + 1, end)
    at = end + 1 + idBytes
    entries.set(name, tree.toString('hex', end + 1, at))
  }
  return entries
}

function readable(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
