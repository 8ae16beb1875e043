import { createInterface } from 'node:readline/promises'
import { IncidentAnswer, WishAnswer } from '../../http/shapes.ts'
import { printable } from '../terminal.ts'
import { type DecideOptions, standsLines } from './decide.ts'
import { ClientError, wrongUsage } from './error.ts'
import { personHere, type Screen, withService } from './session.ts'
import type { View } from './show/head.ts'
import { moment } from './times.ts'
import { wrap } from './wrap.ts'

export interface ApproveOptions extends DecideOptions {
  readonly request?: number
}

/**
 * `kafka-healing approve <incident>`: shows what is asked, and asks. Another question has another number, and the yes names
 * it, so nobody approves what they have not read. Without a terminal the number that was read must be named.
 */
export async function approve(incident: number, options: ApproveOptions): Promise<void> {
  const { by = personHere(), comment } = options
  await withService(options, async ({ ask, print, screen, propose }) => {
    const { value: view } = await ask({ method: 'GET', path: `/incidents/${incident}` }, IncidentAnswer)
    const { approval } = view.incident
    if (approval === null || !view.possible.approve) throw nothingAsked(view, propose('show', String(incident)))
    const { request } = approval
    process.stderr.write(`${questionLines(view, approval, screen).join('\n')}\n`)
    if (options.request === undefined) await confirm(propose('approve', String(incident), '--request', String(request)))
    else if (options.request !== request)
      throw new ClientError([
        `Nothing was changed: incident ${incident} now asks with request ${request}, not ${options.request}. Read it above.`,
      ])
    const body = { request, by, comment }
    const done = await ask({ method: 'POST', path: `/incidents/${incident}/approve`, body }, WishAnswer)
    print(done, (stands) => standsLines('Approved; the guards run again', stands, screen.paint))
  })
}

type Approval = NonNullable<View['incident']['approval']>

/** Target, rung, what is refused and would be waived, and what would run. */
function questionLines({ incident }: View, approval: Approval, screen: Screen): readonly string[] {
  const rung = Number(/^rung (\d+) of /.exec(approval.about)?.[1] ?? 0)
  const steps = incident.plan.runbook.rungs[rung - 1] ?? []
  const line = (text: string): readonly string[] => wrap(`  ${printable(text)}`, screen.columns, 4)
  return [
    `Incident ${incident.id} asks (request ${approval.request}, until ${moment(approval.expiresAt, screen)}):`,
    ...line(approval.about),
    ...approval.waives.flatMap((refusal) => line(`in spite of ${refusal}`)),
    ...steps.flatMap(({ type, params }, index) => line(`step ${index + 1}: ${type} ${JSON.stringify(params)}`)),
  ]
}

function nothingAsked({ incident }: View, show: string): ClientError {
  const { id, state, reason, detail, approval } = incident
  const why =
    approval?.by != null
      ? `${approval.by} has approved request ${approval.request} already`
      : `it asks for nothing now; it is ${state} (${reason}): ${detail}`
  return new ClientError([`Nothing was changed: incident ${id}: ${why}`, `All of it: ${show}`])
}

async function confirm(without: string): Promise<void> {
  if (!process.stdin.isTTY) throw wrongUsage(`this is no terminal, so name the request that you have read: ${without}`)
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal.question('Approve it? [y/N] ')
    if (!/^y(?:es)?$/i.test(answer.trim())) throw new ClientError(['Nothing was changed.'])
  } finally {
    terminal.close()
  }
}
