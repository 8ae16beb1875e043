import type { Opening } from '../store/store.ts'
import { type Pair, pairs } from './differences.ts'
import { type AlertOfRecord, type RuleSet, treats } from './rule-set.ts'

/** What both rule sets do about an alert. */
export interface Treatments {
  readonly before: readonly Opening[]
  readonly after: readonly Opening[]
  readonly pairs: readonly Pair[]
}

interface Known extends Treatments {
  readonly alert: AlertOfRecord
}

/** Label sets that are remembered; an alert comes again and again, and its labels stay. */
const MOST_KEPT = 20_000

/** Answers repeats from memory. */
export function treatmentsBy(before: RuleSet, after: RuleSet): (alert: AlertOfRecord) => Treatments {
  const known = new Map<string, Known>()
  return (alert) => {
    const found = known.get(alert.fingerprint)
    if (found && isSame(found.alert, alert)) return found
    if (known.size >= MOST_KEPT) known.clear()
    const [was, is] = [treats(before, alert), treats(after, alert)]
    const made: Known = { alert, before: was, after: is, pairs: pairs(was, is) }
    known.set(alert.fingerprint, made)
    return made
  }
}

/** A file may say anything under a fingerprint. */
function isSame(one: AlertOfRecord, other: AlertOfRecord): boolean {
  if (one.credential !== other.credential) return false
  if (one.labels === other.labels) return true
  const names = Object.keys(one.labels)
  return (
    names.length === Object.keys(other.labels).length && names.every((name) => one.labels[name] === other.labels[name])
  )
}
