import { isDeepStrictEqual } from 'node:util'
import type { Labels } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import type { Mode, Plan } from '../incident/plan.ts'
import type { Opening } from '../store/store.ts'
import { withoutRevision } from './rule-set.ts'
import type { Objection } from './side.ts'

/** How an alert can be treated differently, in the order of reports. */
export const KINDS = [
  'newlyMatched',
  'noLongerMatched',
  'otherRule',
  'otherTarget',
  'otherRunbook',
  'otherMode',
  'moreAttempts',
  'fewerAttempts',
  'newRefusal',
  'refusalGone',
] as const

export type Kind = (typeof KINDS)[number]

/** What one rule made of an alert, from when it fired until it ended. */
export interface Treatment {
  readonly rule: string
  readonly mode: Mode
  readonly runbook: string
  /** Key of the subject; null: unresolvable, `problem` says why. */
  readonly subject: string | null
  readonly problem: string | null
  /** Begun while the alert fired, by the incident that held it. */
  readonly attempts: number
  readonly firstAttemptAt: Instant | null
  /** What did not let it act, each guard once. */
  readonly objections: readonly Objection[]
}

/** One occurrence of an alert that the two sides treat differently. */
export interface Difference {
  readonly fingerprint: string
  readonly labels: Labels
  readonly firedAt: Instant
  /** Null: it still fired at the end of the record. */
  readonly endedAt: Instant | null
  readonly kinds: readonly Kind[]
  /** Its own rules say the same on both sides: it is because other incidents act differently. */
  readonly indirect: boolean
  readonly before: readonly Treatment[]
  readonly after: readonly Treatment[]
}

/** What became of an opening, while one alert fired. */
export interface Course {
  attempts: number
  firstAttemptAt: Instant | null
  readonly objections: Map<string, Objection>
}

/** A rule of one side and what stands in its place on the other, for one label set. */
export interface Pair {
  readonly before: Opening | null
  readonly after: Opening | null
  /** What is different whatever happens. */
  readonly kinds: readonly Kind[]
  /** They say the same, but for the revision. */
  readonly same: boolean
}

/** Rules of the same name belong together, the others in their order. */
export function pairs(before: readonly Opening[], after: readonly Opening[]): readonly Pair[] {
  const found: Pair[] = []
  const named = new Set<Opening>()
  const rest: Opening[] = []
  for (const was of before) {
    const is = after.find((one) => one.plan.rule === was.plan.rule)
    if (!is) rest.push(was)
    else {
      named.add(is)
      found.push(pair(was, is))
    }
  }
  const others = after.filter((one) => !named.has(one))
  for (let index = 0; index < Math.max(rest.length, others.length); index += 1)
    found.push(pair(rest[index] ?? null, others[index] ?? null))
  return found
}

function pair(before: Opening | null, after: Opening | null): Pair {
  if (before === null || after === null)
    return { before, after, kinds: [before === null ? 'newlyMatched' : 'noLongerMatched'], same: false }
  const { plan: was, subject: of } = before
  const { plan: is, subject: now } = after
  const kinds = new Set<Kind>()
  if (was.rule !== is.rule) kinds.add('otherRule')
  if (of.key !== now.key) kinds.add('otherTarget')
  if (!runsTheSame(was, is)) kinds.add('otherRunbook')
  if (was.mode !== is.mode) kinds.add('otherMode')
  const same = kinds.size === 0 && isDeepStrictEqual(withoutRevision(was), withoutRevision(is))
  return { before, after, kinds: inOrder(kinds), same }
}

/** What would be done; guards and probes show in refusals and attempts. */
function runsTheSame({ runbook: was }: Plan, { runbook: is }: Plan): boolean {
  return was.name === is.name && isDeepStrictEqual(was.rungs, is.rungs)
}

/** The differences of one pair, with what came of both. */
export function kindsOf(
  { before, after, kinds }: Pair,
  was: Course | undefined,
  is: Course | undefined,
): readonly Kind[] {
  if (before === null || after === null || (was === undefined && is === undefined)) return kinds
  const all = new Set(kinds)
  const [fewer, more] = [was?.attempts ?? 0, is?.attempts ?? 0]
  if (more > fewer) all.add('moreAttempts')
  if (more < fewer) all.add('fewerAttempts')
  if (hasOther(is, was)) all.add('newRefusal')
  if (hasOther(was, is)) all.add('refusalGone')
  return inOrder(all)
}

/** Some guard objected here that did not there. */
function hasOther(here: Course | undefined, there: Course | undefined): boolean {
  return here !== undefined && [...here.objections.keys()].some((guard) => there?.objections.has(guard) !== true)
}

export function inOrder(kinds: ReadonlySet<Kind>): readonly Kind[] {
  return kinds.size === 0 ? NONE : KINDS.filter((kind) => kinds.has(kind))
}

const NONE: readonly Kind[] = []

export function treatmentOf({ plan, subject }: Opening, course: Course | undefined): Treatment {
  return {
    rule: plan.rule,
    mode: plan.mode,
    runbook: plan.runbook.name,
    subject: subject.kind === 'unresolved' ? null : subject.key,
    problem: subject.kind === 'unresolved' ? subject.problem : null,
    attempts: course?.attempts ?? 0,
    firstAttemptAt: course?.firstAttemptAt ?? null,
    objections: [...(course?.objections.values() ?? [])],
  }
}
