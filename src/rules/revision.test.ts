import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { revisionOf } from './revision.ts'

const root = mkdtempSync(join(tmpdir(), 'kafka-healing-revision-'))
afterAll(() => rmSync(root, { recursive: true }))
const COMMIT = '0123456789abcdef0123456789abcdef01234567'

/** A git work tree as git itself lays it out, without needing git. */
function tree(name: string, files: Record<string, string>): string {
  const folder = join(root, name)
  for (const [file, text] of Object.entries({ 'rules.yml': 'a', ...files })) {
    mkdirSync(join(folder, file, '..'), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  return folder
}

const revision = (folder: string) => revisionOf(folder, [join(folder, 'rules.yml')])

describe('the revision', () => {
  it.each([
    ['a branch', { '.git/HEAD': 'ref: refs/heads/main\n', '.git/refs/heads/main': `${COMMIT}\n` }],
    [
      'a packed branch',
      { '.git/HEAD': 'ref: refs/heads/main\n', '.git/packed-refs': `# pack-refs\n${COMMIT} refs/heads/main\n` },
    ],
    ['a detached head', { '.git/HEAD': `${COMMIT}\n` }],
    [
      'a linked work tree',
      {
        '.git': 'gitdir: ../real/worktrees/x\n',
        '../real/worktrees/x/HEAD': 'ref: refs/heads/b\n',
        '../real/worktrees/x/commondir': '../..\n',
        '../real/refs/heads/b': `${COMMIT}\n`,
      },
    ],
  ])('names the commit of %s and the content', (name, files) => {
    expect(revision(tree(name.replaceAll(' ', '-'), files))).toMatch(/^0123456789ab-[0-9a-f]{12}$/)
  })

  it.each([
    ['no git', {}],
    ['no commit yet', { '.git/HEAD': 'ref: refs/heads/main\n' }],
    ['nonsense', { '.git': 'hello' }],
  ])('is that of the content alone where there is %s', (name, files) => {
    expect(revision(tree(`bare-${name.replaceAll(' ', '-')}`, files))).toMatch(/^[0-9a-f]{12}$/)
  })

  it('does not depend on where the files lie, and does on their names and their absence', () => {
    const [a, b] = [tree('here', {}), tree('there', {})]

    expect(revision(a)).toBe(revision(b))
    expect(revisionOf(a, [join(a, 'other.yml')])).not.toBe(revision(a))
  })
})
