import { createHash } from 'node:crypto'
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { committedIn, headOf, type WorkTree, workTreeAround } from '../git/work-tree.ts'
import { isTestsFile } from './rules-files.ts'

/** The state of the files that decide: configuration, inventory and rules. What secret files hold is no part of it. */
export interface Revision {
  /**
   * What people see and rows, mails and logs hold: the first 12 digits of commit and hash, `-dirty` behind them where they
   * do not belong together (`1f2e3d4c5b6a-0a1b2c3d4e5f-dirty`). Outside git the hash alone.
   */
  readonly name: string
  /** The commit checked out around the files, in full; null outside git, and where it holds none of them. */
  readonly commit: string | null
  /** The files are not what that commit holds; null where there is none, or where git's objects cannot be read. */
  readonly dirty: boolean | null
  /** Which of them are not, as seen from the configuration's folder. */
  readonly differing: readonly string[]
  /** SHA-256 over names and contents, hexadecimal: the same wherever the files lie. */
  readonly hash: string
}

/** The revision of these files, as they are now. Never throws: what cannot be read counts as absent. */
export function revisionOf(folder: string, files: readonly string[]): Revision {
  const contents = contentsOf(files)
  const hash = hashed(folder, contents)
  const short = hash.slice(0, 12)
  const standing = standingOf(folder, contents)
  if (standing === null) return { name: short, commit: null, dirty: null, differing: [], hash }
  const { commit, differing } = standing
  const dirty = differing && differing.length > 0
  const name = `${commit.slice(0, 12)}-${short}${dirty ? '-dirty' : ''}`
  return { name, commit, dirty, differing: (differing ?? []).map((file) => relative(realPath(folder), file)), hash }
}

/** The revision's hash alone. */
export function hashOf(folder: string, files: readonly string[]): string {
  return hashed(folder, contentsOf(files))
}

type Contents = ReadonlyMap<string, Buffer | null>

function contentsOf(files: readonly string[]): Contents {
  return new Map(files.toSorted().map((file) => [file, contentOf(file)]))
}

function hashed(folder: string, contents: Contents): string {
  const hash = createHash('sha256')
  for (const [file, content] of contents) {
    hash.update(`${relative(folder, file)}\0${content?.length ?? -1}\0`).update(content ?? '')
  }
  return hash.digest('hex')
}

interface Standing {
  readonly commit: string
  /** Files that the commit does not hold like this, or holds and the folder lacks; null: it cannot be told. */
  readonly differing: readonly string[] | null
}

/** How the files stand to the commit around them. Null where there is none that holds any of them. */
function standingOf(folder: string, contents: Contents): Standing | null {
  const tree = treeAround([folder, ...[...contents.keys()].map(dirname)])
  const commit = tree && headOf(tree)
  if (tree === null || commit === null) return null
  const committed = committedIn(tree, commit)
  const inside = [...contents]
    .map(([file, content]) => ({ file: realPath(file), content: content ?? Buffer.alloc(0) }))
    .filter(({ file }) => !relative(tree.root, file).startsWith('..'))
  const folders = new Set(inside.map(({ file }) => dirname(file)))
  try {
    const compared = inside.map(({ file, content }) => ({ file, is: committed.compare(file, content) }))
    if (compared.every(({ is }) => is === 'absent')) return null
    const changed = compared.filter(({ is }) => is !== 'same').map(({ file }) => file)
    const gone = [...folders].flatMap((each) =>
      committed
        .namesIn(each)
        .filter(decides)
        .map((name) => join(each, name))
        .filter((file) => !existsSync(file)),
    )
    return { commit, differing: [...new Set([...changed, ...gone])].toSorted() }
  } catch {
    return { commit, differing: null }
  }
}

/** The first of them that lies in a work tree decides. */
function treeAround(places: readonly string[]): WorkTree | null {
  for (const place of places) {
    const tree = workTreeAround(place)
    if (tree !== null) return tree
  }
  return null
}

/** By its name it could be one of the files that decide. */
function decides(name: string): boolean {
  return /\.(?:ya?ml|json|ini)$/.test(name) && !isTestsFile(name)
}

/** Where a symbolic link leads: git knows the file under that name. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

function contentOf(file: string): Buffer | null {
  try {
    // Reading a pipe would wait for whoever writes to it.
    return statSync(file).isFile() ? readFileSync(file) : null
  } catch {
    return null
  }
}
