import type { z } from 'zod'
import { StatusAnswer } from '../../http/shapes.ts'
import { duration } from '../../notify/times.ts'
import { type Colour, printable } from '../terminal.ts'
import { Pauses } from './pause.ts'
import { remarksOn } from './revision.ts'
import { type ClientOptions, type Screen, withService } from './session.ts'
import { ago, moment } from './times.ts'
import { wrap } from './wrap.ts'

type Status = z.infer<typeof StatusAnswer>
type Pause = z.infer<typeof Pauses>['items'][number]

/** `kafka-healing status`: which revision is in force, whether it works, and what is held back. */
export async function status(options: ClientOptions): Promise<void> {
  await withService(options, async ({ ask, print, screen, server }) => {
    const found = await ask({ method: 'GET', path: '/status' }, StatusAnswer)
    const wantsPauses = options.json !== true && found.value.store.commits
    const pauses = wantsPauses ? (await ask({ method: 'GET', path: '/pause' }, Pauses)).value.items : []
    print(found, (value) => statusLines(value, pauses, server.source.url, screen))
  })
}

interface Line {
  readonly name: string
  readonly text: string
  readonly colour?: Colour
}

export function statusLines(value: Status, pauses: readonly Pause[], url: string, screen: Screen): readonly string[] {
  const all = [
    ...configurationLines(value, screen),
    ...storeLines(value),
    ...loopLines(value),
    ...reconcileLines(value, screen),
    ...holdLines(value, pauses, screen),
  ]
  const width = Math.max(...all.map(({ name }) => name.length))
  return [
    screen.paint('bold', printable(`kafka-healing ${value.version} at ${url}`)),
    ...wrap(`  started ${moment(value.startedAt, screen)}, Node ${printable(value.node)}`, screen.columns, 2),
    ...all.flatMap(({ name, text, colour }) => {
      const lines = wrap(`  ${name.padEnd(width)}  ${printable(text)}`, screen.columns, width + 4)
      return colour === undefined ? lines : lines.map((line) => screen.paint(colour, line))
    }),
  ]
}

function configurationLines({ configuration }: Status, screen: Screen): readonly Line[] {
  const { revision, loadedAt, lastReloadSuccessful, problems, watched } = configuration
  const since = loadedAt === null ? '' : `, in force since ${moment(loadedAt, screen)}`
  const text = revision === null ? 'none' : `revision ${revision}${since}${watched ? ', watched' : ''}`
  const refused = lastReloadSuccessful ? [] : ['the files there now are not in force', ...problems]
  return [
    { name: 'configuration', text },
    ...remarksOn(configuration).map((text): Line => ({ name: '', text, colour: 'yellow' })),
    ...refused.map((text, index): Line => ({ name: index === 0 ? 'reload' : '', text, colour: 'red' })),
  ]
}

function storeLines({ store }: Status): readonly Line[] {
  if (!store.commits)
    return [{ name: 'store', text: `does not commit: ${store.problem ?? 'no reason known'}`, colour: 'red' }]
  const states = Object.entries(store.incidents).filter(([state, count]) => count > 0 && state !== 'closed')
  const open = states.map(([state, count]) => `${count} ${state}`).join(', ')
  const late = store.timersLate ?? 0
  const outbox = store.outboxDepth ?? 0
  const oldest = outbox === 0 ? '' : `, the oldest for ${duration(store.outboxOldestMs ?? 0)}`
  const failed = store.failedMails ?? 0
  return [
    {
      name: 'incidents',
      text: open === '' ? 'none open' : open,
      ...((store.incidents['escalated'] ?? 0) > 0 && { colour: 'red' }),
    },
    { name: 'store', text: `commits; ${store.inboxDepth ?? 0} changes of alerts wait` },
    {
      name: 'mails',
      text: `${outbox} wait${oldest}; ${failed} failed for good`,
      ...(failed > 0 && { colour: 'yellow' }),
    },
    ...(late > 0
      ? [{ name: 'timers', text: `${late} are late: it is starved of CPU or disk`, colour: 'red' } as const]
      : []),
  ]
}

function loopLines({ loops }: Status): readonly Line[] {
  const broken = loops.filter(({ running, lastError }) => !running || lastError !== null)
  if (broken.length === 0) return [{ name: 'loops', text: `all ${loops.length} run` }]
  return broken.map(({ name, running, lastError }) => ({
    name: `loop ${printable(name)}`,
    text: `${running ? 'runs' : 'has stopped'}${lastError === null ? '' : `, its last error: ${lastError}`}`,
    colour: running ? 'yellow' : 'red',
  }))
}

function reconcileLines({ reconcile }: Status, screen: Screen): readonly Line[] {
  if (reconcile === null) return [{ name: 'alertmanagers', text: 'none configured: lost webhooks are never known' }]
  const { lastPoll } = reconcile
  if (lastPoll === null) return [{ name: 'alertmanagers', text: 'not asked yet' }]
  const doubt = lastPoll.doubt === null ? 'all is known' : `no alert can be called gone: ${lastPoll.doubt}`
  return [
    {
      name: 'alertmanagers',
      text: `asked ${ago(lastPoll.at, screen)}; ${doubt}`,
      ...(lastPoll.doubt !== null && { colour: 'yellow' }),
    },
    ...lastPoll.alertmanagers.flatMap(({ url, problem }) =>
      problem === null ? [] : [{ name: '', text: `${url}: ${problem}`, colour: 'yellow' } as const],
    ),
  ]
}

function holdLines(
  { storms, demotions, maintenance }: Status,
  pauses: readonly Pause[],
  screen: Screen,
): readonly Line[] {
  const until = (endsAt: string): string => `until ${moment(endsAt, screen)}`
  return [
    ...(storms ?? []).map(({ cluster, bad, total, failedStart }): Line => {
      const stopped = failedStart === null ? '' : `; starts stopped: ${failedStart.target}: ${failedStart.reason}`
      return {
        name: 'storm',
        text: `${cluster}: ${bad.length} of ${total} are bad: ${bad.join(', ')}${stopped}`,
        colour: 'red',
      }
    }),
    ...(demotions ?? []).map(
      ({ rule, cluster, target, reason }): Line => ({
        name: 'demoted',
        text: `rule ${rule} only informs on ${target ?? cluster}: ${reason}`,
        colour: 'yellow',
      }),
    ),
    ...pauses.map(
      ({ scope, endsAt, author, comment }): Line => ({
        name: 'paused',
        text: `${scope} ${until(endsAt)} by ${author}: ${comment}`,
        colour: 'yellow',
      }),
    ),
    ...(maintenance?.current ?? []).map(
      ({ name, endsAt, comment }): Line => ({
        name: 'maintenance',
        text: `${name} ${until(endsAt)}: ${comment}`,
        colour: 'yellow',
      }),
    ),
    ...(maintenance?.next == null
      ? []
      : [
          {
            name: 'maintenance',
            text: `next is ${maintenance.next.name} at ${moment(maintenance.next.startsAt, screen)}`,
          },
        ]),
  ]
}
