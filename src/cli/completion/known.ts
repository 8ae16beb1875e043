import { z } from 'zod'
import { parseDuration } from '../../duration.ts'
import { IncidentSummaryAnswer, pageOf, SilenceAnswer, StatusAnswer } from '../../http/shapes.ts'
import { STATES } from '../../incident/incident.ts'
import { askApi } from '../client/api.ts'
import { Pauses } from '../client/pause.ts'
import { findServer, type Server, type ServerOptions } from '../client/server.ts'
import { printable } from '../terminal.ts'
import type { Candidate, Known } from './candidates.ts'

/** Nobody waits longer for a key, unless they said so. Milliseconds. */
const PATIENCE_MS = 1_000

/** What a shell takes for a word as it stands; a candidate becomes part of a command line, and may come from anywhere. */
const HARMLESS = /^[\w.:/@%+-][\w.:/@%+,=-]*$/

/** What the running service has of it; nothing when it does not answer at once. */
export async function knownOf(
  what: Known,
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly Candidate[]> {
  try {
    const server = findServer(serverOptions(words), env)
    const found = await FIND[what](server)
    return found
      .filter(({ value }) => HARMLESS.test(value))
      .map(({ value, says }) => ({ value, says: printable(says).slice(0, 100) }))
  } catch {
    return []
  }
}

/** Options of the service as far as they are typed. */
function serverOptions(words: readonly string[]): ServerOptions {
  const of = (...names: readonly string[]): string | undefined =>
    words.flatMap((word, index) => {
      if (names.includes(word)) return words[index + 1] ?? []
      const name = names.find((one) => word.startsWith(`${one}=`))
      return name === undefined ? [] : word.slice(name.length + 1)
    })[0]
  const given = {
    url: of('--url'),
    config: of('--config', '-c'),
    tokenFile: of('--token-file'),
    caFile: of('--ca-file'),
  }
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    timeout: parseDuration(of('--timeout') ?? '') ?? PATIENCE_MS,
  }
}

const FIND: Readonly<Record<Known, (server: Server) => Promise<readonly Candidate[]>>> = {
  incident: async (server) =>
    (await incidents(server, OPEN)).map(({ id, state, subject, rule }) => ({
      value: String(id),
      says: `${state}: ${rule} on ${subject}`,
    })),
  silence: async (server) => {
    const query = { state: 'active,pending' }
    const { value } = await askApi(
      server,
      { method: 'GET', path: '/silence', query },
      z.object({ items: z.array(SilenceAnswer) }),
    )
    return value.items.map(({ id, matchers, comment }) => ({ value: id, says: `${matchers.join(' ')}: ${comment}` }))
  },
  scope: async (server) => {
    const [some, { value: pauses }, { value: status }] = await Promise.all([
      incidents(server),
      askApi(server, { method: 'GET', path: '/pause' }, Pauses),
      askApi(server, { method: 'GET', path: '/status' }, StatusAnswer),
    ])
    const scopes = [
      'all',
      ...pauses.items.map(({ scope }) => scope),
      ...(status.demotions ?? []).map(({ rule }) => `rule:${rule}`),
      ...(status.storms ?? []).map(({ cluster }) => `cluster:${cluster}`),
      ...some.flatMap(({ rule, cluster, target }) => [
        `rule:${rule}`,
        ...(cluster === null ? [] : [`cluster:${cluster}`]),
        ...(target === null ? [] : [`target:${target}`]),
      ]),
    ]
    return distinct(scopes)
  },
  rule: async (server) => distinct((await incidents(server)).map(({ rule }) => rule)),
  cluster: async (server) => distinct((await incidents(server)).flatMap(({ cluster }) => cluster ?? [])),
  target: async (server) => distinct((await incidents(server)).flatMap(({ target }) => target ?? [])),
}

const OPEN = STATES.filter((state) => state !== 'closed').join(',')

async function incidents(server: Server, state?: string): Promise<readonly z.infer<typeof IncidentSummaryAnswer>[]> {
  const query = { limit: 200, state }
  return (await askApi(server, { method: 'GET', path: '/incidents', query }, pageOf(IncidentSummaryAnswer))).value.items
}

function distinct(values: readonly string[]): readonly Candidate[] {
  return [...new Set(values)].toSorted().map((value) => ({ value, says: '' }))
}
