import type { Instant } from '../clock.ts'
import { line } from './clean.ts'
import { type Document, type Section, sections } from './document.ts'
import { times } from './naming.ts'
import type { Notice } from './notice.ts'
import { duration, moment } from './times.ts'

/** Incidents that the last mail lists; all others are counted. */
const LISTED = 50

/** What the mails of a storm are made of (S-5.9). */
export interface StormStory {
  readonly id: number
  readonly cluster: string
  readonly beganAt: Instant
  readonly bad: readonly string[]
  readonly total: number
}

export interface StormIncident {
  readonly id: number
  readonly rule: string
  readonly subject: string
  readonly state: string
  readonly reason: string
  readonly detail: string
}

/** The one mail of a storm. */
export function stormNotice(storm: StormStory): Notice {
  const { cluster, bad, total } = storm
  const document: Document = {
    subject: subject(cluster, `storm: ${bad.length} of ${total} brokers and controllers are down`),
    lead:
      `More is broken in ${cluster} at once than single failures explain. ` +
      'kafka-healing starts what has crashed, one by one, and restarts nothing there. Look for what they share: network, storage, power, a change.',
    tone: 'bad',
    sections: sections(
      { title: 'Confirmed bad by a direct look', blocks: [{ type: 'list', items: bad.map((one) => line(one, 120)) }] },
      {
        title: 'What goes on',
        blocks: [
          {
            type: 'list',
            items: [
              'Crashed units are started one at a time, members of the quorum first; each must serve before the next.',
              'What needs a person is mailed as always. Other news of single incidents waits for the mail at the end of the storm.',
            ],
          },
        ],
      },
      {
        title: 'What has stopped',
        blocks: [
          {
            type: 'list',
            items: [
              'Everything disruptive, a retry by a person included, until 10 min without so much broken.',
              'Further starts too, once one has failed: until the storm is over, or a person resumes the cluster.',
            ],
          },
        ],
      },
    ),
    foot: [`Storm ${storm.id} over ${line(cluster, 80)} since ${moment(storm.beganAt)}`],
  }
  return { key: keyOf(storm), kind: 'storm', thread: threadOf(storm), document }
}

/** A start failed: no other one follows. `failure` counts those of this storm from 1. */
export function stoppedNotice(storm: StormStory, failure: number, target: string, reason: string): Notice {
  const { cluster } = storm
  const document: Document = {
    subject: subject(cluster, `storm: a start failed, no other one follows`),
    lead: `The start of ${line(target, 120)} failed, so kafka-healing starts nothing else in ${line(cluster, 80)} until you say so or the storm is over.`,
    tone: 'bad',
    sections: sections(
      { title: 'What failed', blocks: [{ type: 'text', text: `${line(target, 120)}: ${line(reason, 400)}` }] },
      { title: 'What to do', blocks: [{ type: 'text', text: resumeWords(`cluster:${cluster}`) }] },
    ),
    foot: [`Storm ${storm.id} over ${line(cluster, 80)} since ${moment(storm.beganAt)}`],
  }
  return { key: `${keyOf(storm)}-stopped-${failure}`, kind: 'stormStopped', thread: threadOf(storm), document }
}

/** It lasts: what waits for it would otherwise be silent. `reminder` counts from 1. */
export function stormLastsNotice(
  storm: StormStory,
  incidents: readonly StormIncident[],
  reminder: number,
  now: Instant,
): Notice {
  const { cluster, bad, total, beganAt } = storm
  const document: Document = {
    subject: subject(cluster, `storm goes on: ${bad.length} of ${total} brokers and controllers are down`),
    lead: `The storm over ${line(cluster, 80)} has lasted for ${duration(now - beganAt)}. What is disruptive stays stopped, and nothing is given up meanwhile: it waits for you.`,
    tone: 'bad',
    sections: sections(
      {
        title: 'Confirmed bad when last looked at',
        blocks: [{ type: 'list', items: bad.map((one) => line(one, 120)) }],
      },
      ...standing(incidents),
    ),
    foot: [`Storm ${storm.id} over ${line(cluster, 80)} since ${moment(beganAt)}, reminder ${reminder}`],
  }
  return { key: `${keyOf(storm)}-lasts-${reminder}`, kind: 'storm', thread: threadOf(storm), document }
}

/** The storm is over: how its incidents stand. `untold` counts what was left to this mail. */
export function stormOverNotice(
  storm: StormStory,
  incidents: readonly StormIncident[],
  untold: number,
  now: Instant,
): Notice {
  const { cluster, beganAt } = storm
  const open = incidents.filter(({ state }) => state !== 'closed')
  const yours = open.filter(({ state }) => state === 'escalated').length
  const document: Document = {
    subject: subject(
      cluster,
      `storm is over, ${open.length === 0 ? 'no incident open' : times(open.length, 'incident') + ' open'}`,
    ),
    lead:
      `Nothing that makes a storm was seen in ${line(cluster, 80)} for 10 min; it lasted ${duration(now - beganAt)}. ` +
      (yours > 0
        ? `${times(yours, 'incident')} wait${yours === 1 ? 's' : ''} for a person.`
        : 'No incident there waits for a person.'),
    tone: yours > 0 ? 'bad' : open.length > 0 ? 'waiting' : 'good',
    sections: sections(
      ...standing(incidents),
      untold > 0
        ? {
            title: 'Left to this mail',
            blocks: [
              {
                type: 'text',
                text: `${times(untold, 'message')} about these incidents had no mail of their own during the storm.`,
              },
            ],
          }
        : null,
    ),
    foot: [`Storm ${storm.id} over ${line(cluster, 80)}, ${moment(beganAt)} to ${moment(now)}`],
  }
  return { key: `${keyOf(storm)}-over`, kind: 'stormOver', thread: threadOf(storm), document }
}

function standing(incidents: readonly StormIncident[]): readonly (Section | null)[] {
  const listed = incidents.slice(0, LISTED)
  const more = incidents.length - listed.length
  return [
    listed.length === 0
      ? null
      : { title: 'How its incidents stand', blocks: [{ type: 'list', items: listed.map(item) }] },
    more > 0 ? { title: 'And the rest', blocks: [{ type: 'text', text: `${more} more: GET /incidents` }] } : null,
  ]
}

function item({ id, rule, subject: what, state, reason, detail }: StormIncident): string {
  return `#${id} ${line(rule, 60)} on ${line(what, 80)}: ${state}, ${reason}: ${line(detail, 200)}`
}

/** How a person says that it may go on. */
export function resumeWords(scope: string): string {
  return `When it may go on: POST /resume with {"scope": ${JSON.stringify(scope)}, "by": "your name"}.`
}

function subject(cluster: string, words: string): string {
  return line(`[${line(cluster, 40)}] ${words}`, 110)
}

/** Row numbers begin at 1 again with a new database, so the moment stands in it too. */
function keyOf({ id, beganAt }: StormStory): string {
  return `storm-${id}.${beganAt.toString(36)}`
}

function threadOf(storm: StormStory): string {
  return keyOf(storm)
}
