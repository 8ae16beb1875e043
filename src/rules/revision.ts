import { createHash } from 'node:crypto'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { committedIn, headOf, type WorkTree, workTreeAround } from '../git/work-tree.ts'

/** The state of the files that decide: configuration, inventory and rules. What secret files hold is no part of it. */
export interface Revision {
  /**
   * What people see and rows, mails and logs hold: the first 12 digits of commit and hash, `-dirty` behind them where they
   * do not belong together (`1f2e3d4c5b6a-0a1b2c3d4e5f-dirty`). Outside git the hash alone.
   */
  readonly name: string
  /** The commit checked out around the files, in full; null outside git and before a first commit. */
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
  const contents = new Map(files.toSorted().map((file) => [file, contentOf(file)]))
  const hash = createHash('sha256')
  for (const [file, content] of contents) {
    hash.update(`${relative(folder, file)}\0${content?.length ?? -1}\0`).update(content ?? '')
  }
  const digest = hash.digest('hex')
  const short = digest.slice(0, 12)
  const tree = treeAround(folder, files)
  const commit = tree && headOf(tree)
  if (tree === null || commit === null)
    return { name: short, commit: null, dirty: null, differing: [], hash: digest }
  const differing = differingFrom(tree, commit, contents)
  const dirty = differing && differing.length > 0
  return {
    name: `${commit.slice(0, 12)}-${short}${dirty ? '-dirty' : ''}`,
    commit,
    dirty,
    differing: (differing ?? []).map((file) => relative(realPath(folder), file)),
    hash: digest,
  }
}

/** Where the configuration itself lies in no work tree, one around what it names counts. */
function treeAround(folder: string, files: readonly string[]): WorkTree | null {
  for (const place of [folder, ...files.map(dirname)]) {
    const tree = workTreeAround(realPath(place))
    if (tree !== null) return tree
  }
  return null
}

/** Files of the work tree that the commit does not hold like this, or holds and the folder lacks. Null: it cannot be told. */
function differingFrom(
  tree: WorkTree,
  commit: string,
  contents: ReadonlyMap<string, Buffer | null>,
): readonly string[] | null {
  const committed = committedIn(tree, commit)
  const inside = [...contents]
    .map(([file, content]) => ({ file: realPath(file), content }))
    .filter(({ file }) => !relative(tree.root, file).startsWith('..'))
  const folders = new Set(inside.map(({ file }) => dirname(file)))
  try {
    const changed = inside.filter(({ file, content }) => content === null || !committed.holds(file, content))
    const gone = [...folders].flatMap((folder) =>
      committed
        .namesIn(folder)
        .filter(decides)
        .map((name) => join(folder, name))
        .filter((file) => !existsSync(file)),
    )
    return [...new Set([...changed.map(({ file }) => file), ...gone])].toSorted()
  } catch {
    return null
  }
}

/** By its name it could be one of the files that decide. */
function decides(name: string): boolean {
  return /\.(?:ya?ml|json|ini)$/.test(name) && !/\.test\.\w+$/.test(basename(name))
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
    return readFileSync(file)
  } catch {
    return null
  }
}
