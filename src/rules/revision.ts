import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/**
 * Names the state of the files that decide: the first 12 hexadecimal digits of a hash over their names and contents, behind
 * those of the git commit that is checked out around them, where there is one (`1f2e3d4c5b6a-0a1b2c3d4e5f`). The hash is
 * what tells edits that are not committed.
 */
export function revisionOf(folder: string, files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of [...files].toSorted()) {
    const content = readable(file)
    hash.update(`${relative(folder, file)}\0${content?.length ?? -1}\0${content ?? ''}\0`)
  }
  const digest = hash.digest('hex').slice(0, 12)
  const commit = commitAround(resolve(folder))
  return commit === null ? digest : `${commit.slice(0, 12)}-${digest}`
}

/** The commit of the work tree that `folder` lies in, read from git's own files: no program is run for it. */
function commitAround(folder: string): string | null {
  const git = join(folder, '.git')
  if (!existsSync(git)) return dirname(folder) === folder ? null : commitAround(dirname(folder))
  const own = statSync(git).isDirectory() ? git : pointedTo(git)
  if (own === null) return null
  const head = readable(join(own, 'HEAD'))?.trim() ?? ''
  const ref = /^ref: (refs\/[^\0]+)$/.exec(head)?.[1]
  if (ref === undefined) return asCommit(head)
  const shared = resolve(own, readable(join(own, 'commondir'))?.trim() ?? '.')
  return asCommit(readable(join(own, ref))) ?? asCommit(readable(join(shared, ref))) ?? asCommit(packed(shared, ref))
}

/** In a linked work tree `.git` is a file that names the real folder. */
function pointedTo(file: string): string | null {
  const target = /^gitdir: (.+)$/m.exec(readable(file) ?? '')?.[1]
  return target === undefined ? null : resolve(dirname(file), target)
}

function packed(folder: string, ref: string): string | null {
  const lines = (readable(join(folder, 'packed-refs')) ?? '').split('\n')
  return lines.find((line) => line.endsWith(` ${ref}`))?.split(' ')[0] ?? null
}

function asCommit(text: string | null): string | null {
  const commit = text?.trim() ?? ''
  return /^[0-9a-f]{40,64}$/.test(commit) ? commit : null
}

function readable(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
