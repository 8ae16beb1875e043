import type { Status } from '../../src/http/deps.ts'
import type { Revision } from '../../src/rules/revision.ts'

/** A revision outside git. */
export function revisionNamed(name: string): Revision {
  return { name, commit: null, dirty: null, differing: [], hash: name.padStart(64, '0') }
}

/** What `/status` is told where nothing is wrong. */
export function configurationStatus(name: string, loadedAt = 1): Status['configuration'] {
  const { commit, dirty, differing, hash } = revisionNamed(name)
  const known = { loaded: true, revision: name, commit, dirty, differing, hash, loadedAt }
  return { ...known, applied: true, atNextStart: [], watched: false, lastReloadSuccessful: true, problems: [] }
}
