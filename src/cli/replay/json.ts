import { iso } from '../../clock.ts'
import type { Difference } from '../../replay/differences.ts'
import type { Report } from '../../replay/report.ts'
import { jsonText } from '../json.ts'
import type { Format, Shown } from './format.ts'

/** One document for programs; `differences` come first, so that they can be written while they are found. */
export function jsonFormat(): Format {
  let first = true
  const alert = (difference: Difference): string => {
    const text = `${first ? '' : ','}\n${jsonText(written(difference)).trimEnd()}`
    first = false
    return text
  }
  return {
    begin: '{"differences": [',
    alert,
    summary: (report, shown) => {
      const rest = jsonText(summary(report, shown)).trimEnd()
      return `${shown.details.map(alert).join('')}],\n${rest.slice(1).trimStart()}\n`
    },
  }
}

function summary({ from, to, ...report }: Report, { before, after, leftOut }: Shown): object {
  return {
    leftOut,
    rulesBefore: before,
    rulesAfter: after,
    from: from === null ? null : iso(from),
    to: to === null ? null : iso(to),
    ...report,
  }
}

function written({ firedAt, endedAt, before, after, ...difference }: Difference): object {
  const treatments = (all: Difference['before']) =>
    all.map((one) => ({ ...one, firstAttemptAt: one.firstAttemptAt === null ? null : iso(one.firstAttemptAt) }))
  return {
    ...difference,
    firedAt: iso(firedAt),
    endedAt: endedAt === null ? null : iso(endedAt),
    before: treatments(before),
    after: treatments(after),
  }
}
