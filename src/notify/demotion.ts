import type { Instant } from '../clock.ts'
import { line } from './clean.ts'
import { type Document, sections } from './document.ts'
import type { Notice } from './notice.ts'
import { resumeWords } from './storm.ts'
import { moment } from './times.ts'

/** What the mail about a demotion is made of (S-5.11). */
export interface DemotionStory {
  readonly id: number
  readonly rule: string
  readonly cluster: string
  /** Null: the rule on every target of the cluster. */
  readonly target: string | null
  readonly reason: string
  readonly at: Instant
  readonly failed: readonly { readonly incident: number; readonly target: string; readonly at: Instant }[]
}

export function demotionNotice({ id, rule, cluster, target, reason, at, failed }: DemotionStory): Notice {
  const where = target ?? `cluster ${cluster}`
  const document: Document = {
    subject: line(`[${line(cluster, 40)}] ${line(rule, 50)} only informs now: ${line(reason, 60)}`, 110),
    lead: `Rule ${line(rule, 80)} does not help on ${line(where, 120)} (${line(reason, 200)}), so it no longer acts there. It still opens incidents and says what it would do.`,
    tone: 'bad',
    sections: sections(
      {
        title: 'What failed',
        blocks: [
          {
            type: 'list',
            items: failed.map((one) => `#${one.incident} on ${line(one.target, 120)}, ${moment(one.at)}`),
          },
        ],
      },
      {
        title: 'What to do',
        blocks: [
          {
            type: 'text',
            text: 'Find out why its runbook does not heal; incidents that wait for a person stay with you.',
          },
          { type: 'text', text: resumeWords(target === null ? `rule:${rule}` : `target:${target}`) },
        ],
      },
    ),
    foot: [`Demotion ${id}, ${moment(at)}`],
  }
  const key = `demotion-${id}.${at.toString(36)}`
  return { key, kind: 'demotion', thread: key, document }
}
