import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { git } from '../../test/support/git.ts'
import { committedIn, headOf, isBusy, type WorkTree, workTreeAround } from './work-tree.ts'

const home = realpathSync(mkdtempSync(join(tmpdir(), 'kafka-healing-git-')))
afterAll(() => rmSync(home, { recursive: true }))

const text = (version: number): string => `rules: [] # ${version}\n`

/** A repository with so many commits, each of which changes `deep/rules/kafka.yml` beside so many other files. */
function repository(name: string, commits = 1, others = 10, ...options: readonly string[]): string {
  const folder = join(home, name)
  mkdirSync(join(folder, 'deep', 'rules'), { recursive: true })
  git(folder, 'init', '--quiet', '--initial-branch=main', ...options)
  for (let other = 0; other < others; other += 1)
    writeFileSync(join(folder, 'deep', 'rules', `of-such-a-length-that-many-fill-a-folder-${other}.yml`), '')
  for (let version = 1; version <= commits; version += 1) {
    writeFileSync(join(folder, 'deep', 'rules', 'kafka.yml'), text(version))
    writeFileSync(join(folder, 'config.yml'), 'log: { level: info }\n')
    if (version === 1) git(folder, 'add', '.')
    git(folder, 'commit', '--quiet', '--all', '--message', `tree ${version}\n\ntree of nothing`)
  }
  return folder
}

function around(folder: string): WorkTree {
  const tree = workTreeAround(folder)
  if (tree === null) throw new Error(`no work tree around ${folder}`)
  return tree
}

function compared(folder: string, file = 'deep/rules/kafka.yml', commit?: string): string {
  const tree = around(folder)
  const path = join(folder, file)
  return committedIn(tree, commit ?? headOf(tree) ?? '').compare(path, readFileSync(path))
}

describe('a work tree of git', () => {
  it.each<[string, () => string]>([
    ['with loose objects', () => repository('loose')],
    [
      'with packed objects and branches',
      () => {
        const folder = repository('packed')
        git(folder, 'gc', '--quiet', '--prune=now')
        return folder
      },
    ],
    [
      'with several packs',
      () => {
        const folder = repository('packs')
        git(folder, 'repack', '-dq')
        writeFileSync(join(folder, 'deep', 'rules', 'kafka.yml'), text(99))
        git(folder, 'commit', '--quiet', '-am', 'another')
        git(folder, 'repack', '-dq')
        return folder
      },
    ],
    [
      'that borrows its objects',
      () => {
        const source = repository('lender')
        git(home, 'clone', '--quiet', '--shared', source, 'borrower')
        return join(home, 'borrower')
      },
    ],
    [
      'that is linked',
      () => {
        const source = repository('main-tree')
        git(source, 'worktree', 'add', '--quiet', '-b', 'other', join(home, 'linked'))
        return join(home, 'linked')
      },
    ],
    [
      'that is a submodule',
      () => {
        const outer = repository('outer')
        git(outer, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', repository('inner'), 'inner')
        return join(outer, 'inner')
      },
    ],
    [
      'with a detached head',
      () => {
        const folder = repository('detached')
        git(folder, 'checkout', '--quiet', '--detach')
        return folder
      },
    ],
    ['with SHA-256', () => repository('sha256', 1, 10, '--object-format=sha256')],
  ])('%s: its commit, and what of it is committed', (_, made) => {
    const folder = made()
    const tree = around(join(folder, 'deep', 'rules'))

    expect(tree.root).toBe(folder)
    expect(headOf(tree)).toBe(git(folder, 'rev-parse', 'HEAD'))
    expect(compared(folder)).toBe('same')
    expect(compared(folder, 'config.yml')).toBe('same')

    appendFileSync(join(folder, 'deep', 'rules', 'kafka.yml'), '\n')
    expect(compared(folder)).toBe('different')
  })

  it('says what a commit holds and what it does not', () => {
    const folder = repository('changing')
    writeFileSync(join(folder, 'new.yml'), 'rules: []\n')
    mkdirSync(join(folder, 'new'))
    writeFileSync(join(folder, 'new', 'deep.yml'), 'rules: []\n')
    writeFileSync(join(folder, 'deep', 'rules', 'kafka.yml'), text(9))
    expect(compared(folder, 'new.yml')).toBe('absent')
    expect(compared(folder, 'new/deep.yml')).toBe('absent')
    // Staged is not committed.
    git(folder, 'add', '.')
    expect(compared(folder)).toBe('different')
    git(folder, 'commit', '--quiet', '--message', 'more')
    expect(compared(folder)).toBe('same')
    expect(compared(folder, 'new/deep.yml')).toBe('same')
  })

  it.each([
    // A folder of over 64 KiB, of which the differences copy more than one copy can name.
    ['offset', 'true', 1_100],
    ['id', 'false', 50],
  ])('reads every version out of a pack of differences from bases named by their %s', (base, byOffset, others) => {
    const folder = repository(`bases-by-${base}`, 5, others)
    git(folder, 'config', 'repack.useDeltaBaseOffset', byOffset)
    const commits = git(folder, 'rev-list', '--reverse', 'main').split('\n')
    git(folder, 'repack', '-adfq', '--depth=50')
    git(folder, 'prune-packed')
    expect(readdirSync(join(folder, '.git', 'objects')).toSorted()).toEqual(['info', 'pack'])
    const [pack = ''] = readdirSync(join(folder, '.git', 'objects', 'pack')).filter((name) => name.endsWith('.idx'))
    expect(git(folder, 'verify-pack', '-v', join('.git', 'objects', 'pack', pack))).toMatch(/^chain length = [1-9]/m)
    const tree = around(folder)
    const file = join(folder, 'deep', 'rules', 'kafka.yml')
    for (const [index, commit] of commits.entries()) {
      const committed = committedIn(tree, commit)
      expect(committed.compare(file, Buffer.from(text(index + 1)))).toBe('same')
      expect(committed.compare(file, Buffer.from(text(index + 2)))).toBe('different')
      expect(committed.namesIn(dirname(file))).toHaveLength(others + 1)
      expect(committed.namesIn(folder)).toEqual(['config.yml', 'deep'])
      expect(committed.namesIn(join(folder, 'nowhere'))).toEqual([])
    }
  })

  it('says that git is at work while it holds its lock', () => {
    const folder = repository('locked')
    expect(isBusy(around(folder))).toBe(false)
    writeFileSync(join(folder, '.git', 'index.lock'), '')
    expect(isBusy(around(folder))).toBe(true)
  })

  it('has no commit before the first one, nor where .git is nonsense', () => {
    const folder = join(home, 'empty')
    mkdirSync(folder)
    git(folder, 'init', '--quiet')
    expect(headOf(around(folder))).toBeNull()
    const other = join(home, 'nonsense')
    mkdirSync(other)
    writeFileSync(join(other, '.git'), 'hello')
    expect(workTreeAround(other)).toBeNull()
    expect(workTreeAround(dirname(home))).toBeNull()
  })

  it('throws where an object is gone or damaged', () => {
    const folder = repository('damaged')
    const tree = around(folder)
    expect(() => compared(folder, 'config.yml', 'f'.repeat(40))).toThrow('git has no commit')
    const id = git(folder, 'rev-parse', 'HEAD^{tree}')
    rmSync(join(tree.shared, 'objects', id.slice(0, 2)), { recursive: true })
    expect(() => compared(folder)).toThrow(`git has no tree ${id}`)
    mkdirSync(join(tree.shared, 'objects', id.slice(0, 2)))
    writeFileSync(join(tree.shared, 'objects', id.slice(0, 2), id.slice(2)), 'nonsense')
    expect(() => compared(folder)).toThrow(/header/)
  })
})
