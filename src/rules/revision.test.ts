import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { git } from '../../test/support/git.ts'
import { hashOf, revisionOf } from './revision.ts'

const home = realpathSync(mkdtempSync(join(tmpdir(), 'kafka-healing-revision-')))
afterAll(() => rmSync(home, { recursive: true }))

const NAMES = ['config.yml', 'inventory.yml', 'rules/kafka.yml']

function folderWith(name: string, files: readonly string[] = NAMES): string {
  const folder = join(home, name)
  for (const file of files) {
    mkdirSync(join(folder, file, '..'), { recursive: true })
    writeFileSync(join(folder, file), `# ${file}\n`)
  }
  return folder
}

function committed(name: string, files: readonly string[] = NAMES): string {
  const folder = folderWith(name, files)
  git(folder, 'init', '--quiet')
  git(folder, 'add', '.')
  git(folder, 'commit', '--quiet', '--message', 'first')
  return folder
}

const revision = (folder: string, files = NAMES) =>
  revisionOf(
    folder,
    files.map((file) => join(folder, file)),
  )

describe('the revision', () => {
  it('is that of the content alone outside git', () => {
    const { name, hash, ...rest } = revision(folderWith('bare'))

    expect(rest).toEqual({ commit: null, dirty: null, differing: [] })
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    expect(name).toBe(hash.slice(0, 12))
  })

  it('does not depend on where the files lie, and does on their names and their absence', () => {
    const [here, there] = [folderWith('here'), folderWith('there')]

    expect(revision(here)).toEqual(revision(there))
    expect(revision(here, ['config.yml', 'inventory.yml', 'rules/other.yml']).hash).not.toBe(revision(here).hash)
    expect(revision(here, ['config.yml', 'inventory.yml']).hash).not.toBe(revision(here).hash)
    expect(
      hashOf(
        here,
        NAMES.map((file) => join(here, file)),
      ),
    ).toBe(revision(here).hash)
  })

  it('names the commit, and is clean while the files are what it holds', () => {
    const folder = committed('clean', [...NAMES, 'rules/kafka.test.yml', 'README.md'])
    const { name, commit, hash, ...rest } = revision(folder)

    expect(commit).toBe(git(folder, 'rev-parse', 'HEAD'))
    expect(name).toBe(`${commit?.slice(0, 12)}-${hash.slice(0, 12)}`)
    expect(rest).toEqual({ dirty: false, differing: [] })

    // What does not decide may differ.
    for (const other of ['rules/kafka.test.yml', 'README.md', 'notes.txt']) writeFileSync(join(folder, other), 'x')
    rmSync(join(folder, 'rules/kafka.test.yml'))
    expect(revision(folder)).toMatchObject({ name, dirty: false })
  })

  it.each<[string, string, (folder: string) => void]>([
    ['edited', 'rules/kafka.yml', (folder) => writeFileSync(join(folder, 'rules/kafka.yml'), 'rules: []\n')],
    [
      'staged and not committed',
      'inventory.yml',
      (folder) => {
        writeFileSync(join(folder, 'inventory.yml'), 'clusters: {}\n')
        git(folder, 'add', '.')
      },
    ],
    ['deleted', 'rules/old.yml', (folder) => rmSync(join(folder, 'rules/old.yml'))],
    ['never committed', 'rules/new.yml', (folder) => writeFileSync(join(folder, 'rules/new.yml'), 'rules: []\n')],
  ])('is dirty where a file was %s, says which, and is clean once that is committed', (what, file, change) => {
    const folder = committed(what.replaceAll(' ', '-'), [...NAMES, 'rules/old.yml'])
    change(folder)
    const files = ['config.yml', 'inventory.yml', 'rules/kafka.yml', ...(file === 'rules/new.yml' ? [file] : [])]
    const dirty = revision(folder, files)

    expect(dirty).toMatchObject({ commit: git(folder, 'rev-parse', 'HEAD'), dirty: true, differing: [file] })
    expect(dirty.name).toBe(`${dirty.commit?.slice(0, 12)}-${dirty.hash.slice(0, 12)}-dirty`)

    git(folder, 'add', '--all')
    git(folder, 'commit', '--quiet', '--message', 'second')
    const clean = revision(folder, files)
    expect(clean).toMatchObject({ commit: git(folder, 'rev-parse', 'HEAD'), dirty: false, hash: dirty.hash })
    expect(clean.commit).not.toBe(dirty.commit)
  })

  it('belongs to no commit that holds none of the files', () => {
    const outer = committed('outer', ['README.md'])
    mkdirSync(join(outer, 'inner'))
    const folder = folderWith('outer/inner')

    expect(revision(folder)).toMatchObject({ commit: null, dirty: null })
  })

  it('follows symbolic links, and a configuration outside git to the rules that are in it', () => {
    const repository = committed('repository')
    symlinkSync(repository, join(home, 'current'))
    const linked = revision(join(home, 'current'))
    expect(linked).toEqual(revision(repository))

    const etc = folderWith('etc', ['config.yml'])
    const rules = join(home, 'current', 'rules', 'kafka.yml')
    const outside = revisionOf(etc, [join(etc, 'config.yml'), rules])
    expect(outside).toMatchObject({ commit: linked.commit, dirty: false })
    writeFileSync(join(repository, 'rules', 'kafka.yml'), 'rules: []\n')
    expect(revisionOf(etc, [join(etc, 'config.yml'), rules])).toMatchObject({
      dirty: true,
      differing: ['../repository/rules/kafka.yml'],
    })
  })

  it('names the commit where git cannot say what it holds, and does not call that clean', () => {
    const folder = committed('damaged')
    const commit = git(folder, 'rev-parse', 'HEAD')
    rmSync(join(folder, '.git', 'objects'), { recursive: true })

    const { name, ...rest } = revision(folder)
    expect(rest).toMatchObject({ commit, dirty: null, differing: [] })
    expect(name).not.toContain('dirty')
  })
})
