import type { Instant } from '../clock.ts'
import type { Incident } from '../incident/incident.ts'
import { line } from './clean.ts'
import { type Document, type Section, sections } from './document.ts'
import { times } from './naming.ts'
import type { Notice } from './notice.ts'
import { resumeWords } from './storm.ts'
import { duration, moment } from './times.ts'

/** Incidents that are listed one by one; all others are counted. */
const LISTED = 20

/** What the mails of a pause are made of (S-3.5). */
export interface PauseStory {
  readonly id: number
  readonly scope: string
  readonly startsAt: Instant
  readonly endsAt: Instant
  readonly author: string
  readonly comment: string
}

type Waiting = Pick<Incident, 'id' | 'plan' | 'subject' | 'state' | 'detail'>

/** Somebody has paused acting. */
export function pausedNotice(pause: PauseStory, waiting: readonly Waiting[]): Notice {
  const length = duration(pause.endsAt - pause.startsAt)
  return notice(pause, 'set', {
    subject: subject(pause, `paused for ${length} by ${pause.author}`),
    lead: `kafka-healing begins nothing ${within(pause.scope)} until ${moment(pause.endsAt)}, and its clocks stand still there. What has begun is finished.`,
    tone: 'waiting',
    sections: sections(facts(pause), waits(waiting), { title: 'To end it earlier', blocks: [resume(pause)] }),
  })
}

/** A day, or several, has gone by and the pause goes on. `days` is counted from its beginning. */
export function stillPausedNotice(pause: PauseStory, days: number, waiting: readonly Waiting[], now: Instant): Notice {
  const left = duration(pause.endsAt - now)
  return notice(pause, `day-${days}`, {
    subject: subject(pause, `still paused, for another ${left}`),
    lead: `kafka-healing begins nothing ${within(pause.scope)} since ${moment(pause.startsAt)}, and will not for another ${left}.`,
    tone: 'waiting',
    sections: sections(facts(pause), waits(waiting), { title: 'To end it earlier', blocks: [resume(pause)] }),
  })
}

/** The pause has ended: by time, or by whoever is named. `others` still pause something. */
export function pauseOverNotice(
  pause: PauseStory,
  by: string | null,
  waiting: readonly Waiting[],
  others: readonly PauseStory[],
): Notice {
  const how = by === null ? 'its time is over' : `ended by ${line(by, 80)}`
  return notice(pause, 'over', {
    subject: subject(pause, by === null ? 'the pause is over' : `the pause was ended by ${by}`),
    lead: `The pause of ${line(pause.scope, 120)} has ended, ${how}. What waited for it starts over, and may act once its guards pass.`,
    tone: 'good',
    sections: sections(
      facts(pause),
      waits(waiting),
      others.length === 0
        ? null
        : {
            title: 'Still paused',
            blocks: [
              {
                type: 'list',
                items: others.map(
                  ({ scope, author, endsAt }) => `${line(scope, 120)} by ${line(author, 80)}, until ${moment(endsAt)}`,
                ),
              },
            ],
          },
    ),
  })
}

function notice(pause: PauseStory, what: string, document: Omit<Document, 'foot'>): Notice {
  // Row numbers begin at 1 again with a new database, so the moment stands in it too.
  const thread = `pause-${pause.id}.${pause.startsAt.toString(36)}`
  const foot = [`Pause ${pause.id} of ${line(pause.scope, 120)} since ${moment(pause.startsAt)}`]
  return { key: `${thread}-${what}`, kind: 'pause', thread, document: { ...document, foot } }
}

function subject({ scope }: PauseStory, words: string): string {
  return line(`[${line(scope, 60)}] ${words}`, 110)
}

function within(scope: string): string {
  return scope === 'all' ? 'anywhere' : `on ${line(scope.replace(':', ' '), 120)}`
}

function facts({ scope, author, comment, startsAt, endsAt }: PauseStory): Section {
  return {
    title: 'The pause',
    blocks: [
      {
        type: 'facts',
        rows: [
          ['scope', line(scope, 300)],
          ['by', line(author, 200)],
          ['because', line(comment, 400)],
          ['from', moment(startsAt)],
          ['until', moment(endsAt)],
        ],
      },
    ],
  }
}

function waits(waiting: readonly Waiting[]): Section | null {
  if (waiting.length === 0) return null
  const items = waiting
    .slice(0, LISTED)
    .map(
      ({ id, plan, subject: { key }, state, detail }) =>
        `#${id} ${line(plan.rule, 60)} on ${line(key, 80)}: ${state}, ${line(detail, 200)}`,
    )
  const more = waiting.length - items.length
  return {
    title: `${times(waiting.length, 'open incident')} within it`,
    blocks: [
      { type: 'list', items },
      ...(more > 0 ? [{ type: 'text', text: `${more} more: GET /incidents` } as const] : []),
    ],
  }
}

function resume({ scope }: PauseStory): Section['blocks'][number] {
  return { type: 'text', text: resumeWords(scope) }
}
