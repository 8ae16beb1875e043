import TinyQueue from 'tinyqueue'
import type { Instant } from '../clock.ts'
import type { Maintenance } from '../config.ts'
import { upcomingWindows } from '../engine/maintenance.ts'
import { assertNever } from '../never.ts'
import type { QuietHold } from '../store/quiet-holds.ts'
import type { Recorded, RecordedAlert, RecordedHealth, RecordedHold } from '../store/recorded.ts'
import type { Difference } from './differences.ts'
import { Occurrences, type SideName } from './occurrences.ts'
import { type Report, Tally } from './report.ts'
import type { RuleSet } from './rule-set.ts'
import { Side } from './side.ts'
import { treatmentsBy } from './treatments.ts'
import { RecordedWorld } from './world.ts'

/**
 * So much of the record is read ahead, in milliseconds: an alert ends (`endsAt`) before its webhook says so, by as much as
 * Alertmanager waits for the others of its group.
 */
const AHEAD_MS = 10 * 60_000
/** Maintenance windows are planned for two days ahead. */
const PLAN_MS = 24 * 3_600_000

export interface ReplayOptions {
  readonly before: RuleSet
  readonly after: RuleSet
  /** In the order of time. */
  readonly record: AsyncIterable<readonly Recorded[]>
  /** The end of the record: what fires then goes on until it. */
  readonly until: Instant
  /** Windows are not in the record; they are planned as the configuration has them. */
  readonly maintenance: readonly Maintenance[]
  /** Each as soon as it is known, in the order in which the alerts end. */
  readonly onDifference: (difference: Difference) => void
  /** Changes of alerts that were read so far. */
  readonly onProgress?: (changes: number) => void
}

/** Runs two rule sets over what was recorded, and says what they do differently. Memory holds what is open only. */
export async function replay(options: ReplayOptions): Promise<Report> {
  const course = new Replay(options)
  for await (const chunk of options.record) course.take(chunk)
  return course.finish()
}

type Happening =
  | RecordedAlert
  | RecordedHealth
  | { readonly kind: 'holdBegins' | 'holdEnds'; readonly at: Instant; readonly hold: QuietHold }

interface Placed {
  readonly at: Instant
  readonly happening: Happening
  /** Orders what happens at one time as the record has it. */
  readonly serial: number
}

class Replay {
  readonly #options: ReplayOptions
  readonly #world = new RecordedWorld()
  readonly #occurrences = new Occurrences()
  readonly #tally: Tally
  readonly #sides: Readonly<Record<SideName, Side>>
  readonly #treatments: ReturnType<typeof treatmentsBy>
  readonly #ahead = new TinyQueue<Placed>([], (a, b) => a.at - b.at || a.serial - b.serial)
  readonly #windows = new Set<string>()
  #plannedAt = -Infinity
  #serial = 0
  #reached = -Infinity

  constructor(options: ReplayOptions) {
    this.#options = options
    const { before, after } = options
    this.#tally = new Tally(before, after)
    this.#treatments = treatmentsBy(before, after)
    const side = (name: SideName, { inventory }: RuleSet): Side =>
      new Side(inventory, this.#world, {
        opened: () => this.#tally.opened(name),
        attempted: (incident, at) => {
          this.#tally.attempted(name)
          this.#occurrences.attempted(name, incident, at)
        },
        objected: (incident, objection) => this.#occurrences.objected(name, incident, objection),
        escalated: (_incident, reason) => this.#tally.escalated(name, reason),
      })
    this.#sides = { before: side('before', before), after: side('after', after) }
  }

  take(chunk: readonly Recorded[]): void {
    for (const one of chunk) {
      this.#reached = Math.max(this.#reached, one.at)
      this.#planWindows(one.at)
      this.#place(one)
    }
    this.#catchUp(this.#reached - AHEAD_MS)
    this.#options.onProgress?.(this.#tally.changes)
  }

  finish(): Report {
    const end = Math.max(this.#reached, this.#options.until)
    this.#catchUp(end)
    this.#both((side) => side.advance(end))
    for (const difference of this.#occurrences.rest()) this.#report(difference)
    return this.#tally.report({ before: this.#sides.before.asked(), after: this.#sides.after.asked() })
  }

  #place(one: Recorded): void {
    switch (one.kind) {
      case 'alert':
        this.#tally.heard(one.at)
        if (hasEnded(one) && one.endsAt !== null && one.endsAt > one.startsAt && one.endsAt < one.at)
          this.#push({ kind: 'health', at: one.endsAt, healed: true, fingerprints: [one.fingerprint] })
        return this.#push(one)
      case 'health':
        return this.#push(one)
      case 'guards':
        return this.#world.learn(one)
      case 'attempt':
        return this.#tally.recordedAttempt()
      case 'silence':
      case 'pause':
        return this.#placeHold(holdOf(one), one.startsAt, one.endsAt)
      default:
        return assertNever(one, 'record')
    }
  }

  #placeHold(hold: QuietHold, startsAt: Instant, endsAt: Instant): void {
    this.#push({ kind: 'holdBegins', at: startsAt, hold })
    this.#push({ kind: 'holdEnds', at: endsAt, hold })
  }

  #planWindows(at: Instant): void {
    if (at - this.#plannedAt < PLAN_MS) return
    this.#plannedAt = at
    for (const window of upcomingWindows(this.#options.maintenance, at)) {
      const id = `${window.name}\n${window.startsAt}`
      if (this.#windows.has(id)) continue
      this.#windows.add(id)
      this.#placeHold({ kind: 'window', window: { ...window, id } }, window.startsAt, window.endsAt)
    }
  }

  #push(happening: Happening): void {
    this.#serial += 1
    this.#ahead.push({ at: happening.at, happening, serial: this.#serial })
  }

  #catchUp(until: Instant): void {
    for (let next = this.#ahead.peek(); next && next.at <= until; next = this.#ahead.peek()) {
      this.#ahead.pop()
      this.#sides.before.advance(next.at)
      this.#sides.after.advance(next.at)
      this.#happen(next)
    }
  }

  #happen({ happening, serial }: Placed): void {
    switch (happening.kind) {
      case 'alert':
        return hasEnded(happening) ? this.#ends(happening) : this.#fires(happening, serial)
      case 'health': {
        if (happening.healed) this.#world.healed(happening.fingerprints)
        else this.#world.brokenAgain(happening.fingerprints)
        return this.#both((side) => side.changes(happening.fingerprints))
      }
      case 'holdBegins':
        this.#world.begins(happening.hold)
        return this.#both((side) => side.holdsChanged(null))
      case 'holdEnds':
        this.#world.ends(happening.hold)
        return this.#both((side) => side.holdsChanged(happening.hold))
      default:
        return assertNever(happening, 'happening')
    }
  }

  #fires(alert: RecordedAlert, serial: number): void {
    const { fingerprint, labels, startsAt, at } = alert
    const { before, after, pairs } = this.#treatments(alert)
    this.#tally.fired({ before: before.length > 0, after: after.length > 0 })
    if (pairs.length === 0) return
    this.#world.fires(fingerprint)
    const ended = this.#occurrences.begin({ fingerprint, labels, firedAt: at, pairs })
    if (ended) this.#report(ended)
    const firing = { serial, fingerprint, labels, startsAt, isNewOccurrence: alert.change === 'refired' }
    this.#sides.before.fires(firing, before)
    this.#sides.after.fires(firing, after)
  }

  #ends({ fingerprint, at }: RecordedAlert): void {
    this.#both((side) => side.resolves(fingerprint))
    this.#world.resolved(fingerprint)
    const difference = this.#occurrences.end(fingerprint, at)
    if (difference) this.#report(difference)
  }

  #report(difference: Difference): void {
    this.#tally.differs(difference)
    this.#options.onDifference(difference)
  }

  #both(act: (side: Side) => void): void {
    act(this.#sides.before)
    act(this.#sides.after)
  }
}

function hasEnded({ change }: RecordedAlert): boolean {
  return change === 'resolved' || change === 'gone'
}

function holdOf(one: RecordedHold): QuietHold {
  if (one.kind === 'silence')
    return { kind: 'silence', silence: { ...one, createdAt: one.startsAt, updatedAt: one.startsAt } }
  return { kind: 'pause', pause: { ...one, id: 0 } }
}
