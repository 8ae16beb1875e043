import type { Labels } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import type { Incident } from '../incident/incident.ts'
import { type Course, type Difference, inOrder, type Kind, kindsOf, type Pair, treatmentOf } from './differences.ts'
import type { Objection } from './side.ts'

export type SideName = 'before' | 'after'

/** An alert that fires, with what became of it so far on both sides. */
interface Occurrence {
  readonly fingerprint: string
  readonly labels: Labels
  readonly firedAt: Instant
  readonly pairs: readonly Pair[]
  /** By rule; nothing where nothing happened yet, which is what happens to most. */
  readonly courses: Readonly<Record<SideName, Map<string, Course>>>
}

/** The occurrences of alerts that fire at this moment of a replay. */
export class Occurrences {
  readonly #firing = new Map<string, Occurrence>()

  /** Answers how the occurrence before was treated, where it ends by this. */
  begin(alert: Omit<Occurrence, 'courses'>): Difference | null {
    const ended = this.end(alert.fingerprint, alert.firedAt)
    this.#firing.set(alert.fingerprint, { ...alert, courses: { before: new Map(), after: new Map() } })
    return ended
  }

  /** Null: both sides treated it alike, or it was not known. */
  end(fingerprint: string, at: Instant | null): Difference | null {
    const occurrence = this.#firing.get(fingerprint)
    if (!occurrence) return null
    this.#firing.delete(fingerprint)
    return differenceOf(occurrence, at)
  }

  /** What fires still, in the order in which it began. */
  *rest(): Generator<Difference> {
    for (const occurrence of this.#firing.values()) {
      const difference = differenceOf(occurrence, null)
      if (difference) yield difference
    }
  }

  attempted(side: SideName, incident: Incident, at: Instant): void {
    for (const course of this.#courses(side, incident)) {
      course.attempts += 1
      course.firstAttemptAt ??= at
    }
  }

  objected(side: SideName, incident: Incident, objection: Objection): void {
    for (const course of this.#courses(side, incident)) {
      if (!course.objections.has(objection.guard)) course.objections.set(objection.guard, objection)
    }
  }

  /** Of every alert that the incident holds now. */
  *#courses(side: SideName, { firing, plan }: Incident): Generator<Course> {
    for (const { fingerprint } of firing) {
      const courses = this.#firing.get(fingerprint)?.courses[side]
      if (!courses) continue
      const known = courses.get(plan.rule)
      const course = known ?? { attempts: 0, firstAttemptAt: null, objections: new Map() }
      if (!known) courses.set(plan.rule, course)
      yield course
    }
  }
}

function differenceOf({ pairs, courses, ...alert }: Occurrence, endedAt: Instant | null): Difference | null {
  // Most of them: nothing is different whatever happens, and nothing happened.
  if (courses.before.size + courses.after.size === 0 && pairs.every((pair) => pair.kinds.length === 0)) return null
  const kinds = new Set<Kind>()
  let indirect = true
  for (const pair of pairs) {
    const found = kindsOf(pair, courses.before.get(ruleOf(pair.before)), courses.after.get(ruleOf(pair.after)))
    if (found.length > 0 && !pair.same) indirect = false
    for (const kind of found) kinds.add(kind)
  }
  if (kinds.size === 0) return null
  const { fingerprint, labels, firedAt } = alert
  const treatments = (side: SideName) =>
    pairs.flatMap((pair) => {
      const opening = pair[side]
      return opening ? [treatmentOf(opening, courses[side].get(opening.plan.rule))] : []
    })
  return {
    fingerprint,
    labels,
    firedAt,
    endedAt,
    kinds: inOrder(kinds),
    indirect,
    before: treatments('before'),
    after: treatments('after'),
  }
}

function ruleOf(opening: Pair['before']): string {
  return opening?.plan.rule ?? ''
}
