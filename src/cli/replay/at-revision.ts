import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { pino } from 'pino'
import { systemClock } from '../../clock.ts'
import type { Config } from '../../config.ts'
import type { Host } from '../../hosts/host.ts'
import { openHosts } from '../../hosts/hosts.ts'
import type { Instead } from '../../rules/configuration.ts'
import { ClientError, wrongUsage } from '../client/error.ts'

/** Longest run of git or tar, in milliseconds. */
const LIMIT_MS = 60_000
/** A branch, a tag, a commit, with `~`, `^`, `@{…}`; never an option, never a path. */
const REVISION = /^[A-Za-z0-9_@][\w./@{}^~+-]*$/

/**
 * Loads rules, and the inventory where it lies in the same work tree, as they were at a git revision: they are written to a
 * folder of their own, which is gone afterwards. The work tree, its index and its branches stay untouched.
 */
export async function atRevision<T>(
  rev: string,
  config: Pick<Config, 'file' | 'rules' | 'inventory'>,
  load: (instead: Instead, readable: (text: string) => string) => T,
): Promise<T & { readonly revision: string }> {
  if (!REVISION.test(rev)) throw wrongUsage(`--against ${JSON.stringify(rev)} is no name of a git revision`)
  const hosts = openHosts({ clock: systemClock, log: pino({ level: 'silent' }) })
  const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-replay-'))
  try {
    const root = await git(hosts.local, dirname(config.file), ['rev-parse', '--show-toplevel'], rev)
    const commit = await git(hosts.local, root, ['rev-parse', '--verify', '--quiet', `${rev}^{commit}`], rev)
    const inTree = (path: string): string => treePath(root, path)
    const rules = config.rules.map(inTree)
    const outside = config.rules.find((_, index) => rules[index]?.startsWith('..') === true)
    if (outside !== undefined)
      throw new ClientError([`${outside} is not in the git work tree ${root}, so no revision of it holds these rules`])
    const inventory = inTree(config.inventory)
    for (const path of [...rules, ...(inventory.startsWith('..') ? [] : [inventory])])
      await extract(hosts.local, { root, commit, path, folder })
    const then = join(folder, inventory)
    const loaded = load(
      { rules: rules.map((path) => join(folder, path)), ...(existsSync(then) ? { inventory: then } : {}) },
      (text) => text.replaceAll(`${folder}/`, `${rev}:`),
    )
    return { ...loaded, revision: commit.slice(0, 12) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
    await hosts.close()
  }
}

/** As git names it: relative to the root of the work tree, whatever symbolic links lead there. A glob stays as it is. */
function treePath(root: string, path: string): string {
  const missing: string[] = []
  let known = path
  while (!existsSync(known) && dirname(known) !== known) {
    missing.unshift(basename(known))
    known = dirname(known)
  }
  return relative(realpathSync(root), join(realpathSync(known), ...missing))
}

/** What the revision does not have is not there afterwards either. */
async function extract(
  host: Host,
  {
    root,
    commit,
    path,
    folder,
  }: { readonly root: string; readonly commit: string; readonly path: string; readonly folder: string },
): Promise<void> {
  const archive = join(folder, '.archive.tar')
  mkdirSync(folder, { recursive: true })
  const wanted = ['archive', '--format=tar', `--output=${archive}`, commit, '--', path]
  const made = await run(host, ['git', '-C', root, ...wanted])
  if (made.exitCode !== 0) {
    if (/did not match any files/.test(made.output)) return
    throw new ClientError([`git archive of ${path} failed: ${made.output}`])
  }
  const unpacked = await run(host, ['tar', '-xf', archive, '-C', folder])
  if (unpacked.exitCode !== 0) throw new ClientError([`tar failed: ${unpacked.output}`])
}

/** The first line that git prints. */
async function git(host: Host, folder: string, args: readonly string[], rev: string): Promise<string> {
  const { exitCode, output } = await run(host, ['git', '-C', folder, ...args])
  if (exitCode === 0) return output.split('\n')[0] ?? ''
  throw new ClientError([
    output === '' ? `--against ${rev}: git knows no such revision here` : `--against ${rev}: ${output}`,
  ])
}

async function run(
  host: Host,
  argv: readonly string[],
): Promise<{ readonly exitCode: number; readonly output: string }> {
  // Where its owner says which folders git may trust.
  const { HOME } = process.env
  const ended = await host.run(argv, { limitMs: LIMIT_MS, ...(HOME === undefined ? {} : { env: { HOME } }) })
  if (ended.kind !== 'exited') return { exitCode: 1, output: ended.reason }
  const output = `${ended.stdout}${ended.stderr}`.trim()
  if (ended.exitCode === 127) return { exitCode: 127, output: `${argv[0] ?? ''} is not installed` }
  return { exitCode: ended.exitCode ?? 1, output }
}
