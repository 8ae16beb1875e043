import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { attempted } from '../../../test/support/attempts.ts'
import { deliveryOf } from '../../../test/support/broker-delivery.ts'
import type { Ended } from '../../../test/support/cli.ts'
import { commandLineHere, type Here } from '../../../test/support/command-line.ts'
import { EVIL, isHarmless, unpainted } from '../../../test/support/hostile.ts'
import { type HttpOptions, type HttpWorld, startHttp } from '../../../test/support/http.ts'
import { planOf } from '../../../test/support/plan.ts'
import { systemClock } from '../../clock.ts'
import { PASSED } from '../../incident/summary.ts'
import { Secret } from '../../secret.ts'

let on: HttpWorld
const start = async (options: HttpOptions = {}): Promise<void> => {
  on = await startHttp(options)
}
const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-commands-'))
afterEach(async () => {
  await on.stop()
})

/** Says `kafka-healing <args>` to the server. */
const say = (args: readonly string[], here: Here = {}): Promise<Ended> =>
  commandLineHere(args, { ...here, env: { KAFKA_HEALING_URL: on.url, USER: 'ann', SUDO_USER: undefined, ...here.env } })
const json = async (args: readonly string[]): Promise<unknown> => {
  const { code, stdout, stderr } = await say([...args, '--json'])
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}
const api = async (path: string): Promise<unknown> => (await on.get(path)).json()
const opened = async (plan = planOf()): Promise<void> => {
  await on.deliver(deliveryOf([1, 2]))
  await on.settle(plan)
}

describe('incidents', () => {
  beforeEach(() => start())

  it('are those that are open, as a table and as the API’s JSON', async () => {
    expect(await say(['incidents'])).toEqual({ code: 0, stdout: 'No incidents.\n', stderr: '' })
    await opened()
    await say(['cancel', '1'])
    await on.deliver(deliveryOf([1], { status: 'resolved', alerts: resolvedAlerts() }))
    await on.settle()

    const { stdout } = await say(['incidents'])
    expect(stdout).toMatch(/^ID +STATE +REASON/)
    expect(stdout).toMatch(/\n2 +waiting +after .* lab\/broker\/2 +broker-down/)
    expect(stdout).not.toContain('lab/broker/1')
    expect((await say(['incidents', '--all'])).stdout).toMatch(/\n1 +closed +cancelled/)
    expect((await say(['incidents', '--state', 'closed,settled'])).stdout).not.toMatch(/\n2 /)
    expect((await say(['incidents', '--rule', 'other', '--cluster', 'lab'])).stdout).toBe('No incidents.\n')
    expect(await json(['incidents', '--all'])).toEqual(await api('/incidents'))
  })

  it('fit the terminal, in colour there and nowhere else', async () => {
    await opened()
    const narrow = (await say(['incidents'], { columns: 60 })).stdout
    expect(narrow).toContain('\u001b[33mwaiting')
    for (const line of narrow.split('\n')) expect(unpainted(line).length).toBeLessThanOrEqual(60)
    expect((await say(['incidents'], { columns: 60, env: { NO_COLOR: '1' } })).stdout).not.toContain('\u001b')
    expect((await say(['incidents'])).stdout).not.toContain('\u001b')
    expect((await say(['incidents'], { env: { COLUMNS: '60' } })).stdout.split('\n')[0]?.length).toBeLessThanOrEqual(60)
  })

  it('are shown one by one, by number or as mails write it', async () => {
    await opened()
    const { code, stdout } = await say(['show', '2'])
    expect(code).toBe(0)
    expect(stdout).toContain('Incident 2: broker-down on lab/broker/2  WAITING (after)')
    expect(stdout).toMatch(/The guards are evaluated in \d+ s \(.*\); if all pass, it acts\./)
    expect(stdout).toContain('kafka-healing ack 2\n')
    expect((await say(['show', '#2', '--full'])).stdout).toContain('opened: waiting (after)')
    expect(await json(['show', '2'])).toEqual(await api('/incidents/2'))
    expect(await say(['show', '99'])).toMatchObject({ code: 1, stdout: '', stderr: 'there is no incident 99\n' })
    expect(await say(['show', 'two'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('number of an incident'),
    })
  })

  it('S-6.2 are taken over, tried again and cancelled, and say why where that changes nothing', async () => {
    await opened()
    const mine = await say(['ack', '1'])
    expect(mine.stdout).toContain('It is yours')
    expect(mine.stdout).toContain('Incident 1 is escalated (takenOver): taken over by ann')
    expect(await say(['ack', '1'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Nothing was changed: ann has taken over incident 1 already\n',
    })
    expect((await say(['ack', '1', '--by', 'bob'])).code).toBe(0)
    expect((await say(['retry', '1'], { env: { SUDO_USER: 'carl', USER: 'root' } })).stdout).toContain(
      'retry asked for by carl',
    )
    expect(await say(['retry', '1'])).toMatchObject({ code: 1, stderr: expect.stringContaining('granted already') })
    expect(await say(['retry', '2', '--replan'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no rule broker-down any more'),
    })
    expect(await json(['cancel', '1', '--comment', 'gone'])).toMatchObject({ state: 'settled', reason: 'cancelled' })
    expect((await say(['show', '1'])).stdout).toContain('cancelled by ann: gone')
  })
})

describe('approve', () => {
  beforeEach(() => start())

  /** Asks for approval as an incident in mode approve does; answers with the number of the request. */
  async function asking(): Promise<number> {
    await on.deliver(deliveryOf(['1']))
    await on.settle(planOf({ afterMs: 0, mode: 'approve' }))
    const now = systemClock.now()
    const look = await on.store.claimLook('test', now, 60_000)
    if (look === null) throw new Error('no look')
    await on.store.guardsEvaluated(look, PASSED, [], null, now)
    const { incident } = (await api('/incidents/1')) as { incident: { approval: { request: number } } }
    return incident.approval.request
  }

  it('S-3.5 shows what is asked, and without a terminal wants the request that was read', async () => {
    const request = await asking()
    const asked = await say(['approve', '1'])
    expect(asked).toMatchObject({ code: 2, stdout: '' })
    expect(asked.stderr).toContain(`Incident 1 asks (request ${request}, until `)
    expect(asked.stderr).toContain('rung 1 of start-broker on lab/broker/1: rule broker-down is in mode approve')
    expect(asked.stderr).toContain('step 1: systemd {"verb":"start"}')
    expect(asked.stderr).toContain(`kafka-healing approve 1 --request ${request}`)

    const other = await say(['approve', '1', '--request', String(request + 1)])
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining(`asks with request ${request}, not`) })
    const yes = await say(['approve', '1', '--request', String(request)])
    expect(yes).toMatchObject({ code: 0, stdout: expect.stringContaining('Approved; the guards run again') })
    expect(await say(['approve', '1', '--request', String(request)])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`ann has approved request ${request} already`),
    })
  })

  it('of what asks nothing says where it stands', async () => {
    await opened()
    const { code, stderr } = await say(['approve', '1'])
    expect(code).toBe(1)
    expect(stderr).toContain('it asks for nothing now; it is waiting (after): waits 30 s')
  })
})

describe('history', () => {
  beforeEach(() => start())

  it('is a table of attempts, as CSV and as JSON, over as many pages as --limit wants', async () => {
    await attempted(on, ['1', '2', '3', '4', '5'], '=cmd()')
    const { stdout } = await say(['history', '--limit', '3'])
    expect(stdout.split('\n')).toHaveLength(7)
    expect(stdout).toMatch(/^INCIDENT +BEGAN +AGO +TARGET/)
    expect(stdout).toContain('These are the newest 3; --limit shows more.')
    expect(stdout).toMatch(/lab\/broker\/5 +broker-down +1 +1 +failed/)
    expect(await json(['history'])).toEqual(await api('/history'))
    const csv = (await say(['history', '--csv', '--target', 'lab/broker/1'])).stdout.split('\r\n')
    expect(csv[0]).toMatch(/^id,incident,attempt,/)
    expect(csv).toHaveLength(3)
    expect(csv[1]).toContain("'=cmd()")
    expect((await say(['history', '--since', '2999-01-01T00:00:00Z'])).stdout).toBe('No attempts.\n')
    expect((await say(['history', '--until', '1h'])).stdout).toBe('No attempts.\n')
  })

  it('walks through all pages of the API, each item once', async () => {
    const asked: string[] = []
    const item = { incident: 1, attempt: 1, rule: 'r', revision: 'c', cluster: null, target: 't', rung: 1 }
    const more = {
      status: 'failed',
      reason: '',
      byPerson: false,
      scheduledAt: '2026-11-21T08:00:00Z',
      startedAt: null,
      finishedAt: null,
      outcome: null,
    }
    const { createServer } = await import('node:http')
    const pages = createServer((request, response) => {
      const query = new URL(request.url ?? '', 'http://x').searchParams
      asked.push(`${query.get('limit')} ${query.get('cursor')}`)
      const from = Number(query.get('cursor') ?? 0)
      const items = Array.from({ length: Math.min(1_000, Number(query.get('limit'))) }, (_, index) => ({
        id: from + index,
        ...item,
        ...more,
      }))
      const next = String(from + items.length)
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ items, next }))
    })
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
    const { port } = pages.address() as { port: number }
    const { stdout } = await say(['history', '--limit', '2500', '--json', '--url', `http://127.0.0.1:${port}`])
    pages.close()
    pages.closeAllConnections()

    expect(asked).toEqual(['1000 null', '1000 1000', '500 2000'])
    const all = JSON.parse(stdout) as { items: { id: number }[]; next: string }
    expect([all.items.length, all.items[2_499]?.id, all.next]).toEqual([2_500, 2_499, '2500'])
  })

  it.each([
    [['--since', 'yesterday'], '24h'],
    [['--outcome', 'great'], 'healed'],
    [['--limit', '0'], 'whole number'],
    [['--csv', '--json'], 'cannot be used with'],
    [['--sinec', '1h'], 'Did you mean --since?'],
    [['--timeout', 'soon'], 'duration'],
  ])('is not asked for with %j', async (args, hint) => {
    const { code, stderr } = await say(['history', ...args])
    expect([code, stderr]).toEqual([2, expect.stringContaining(hint)])
  })
})

describe('silences', () => {
  beforeEach(() => start())

  it('are added as amtool does it, listed and ended', async () => {
    const made = await say([
      'silence',
      'add',
      'KafkaBrokerDown',
      'broker_id=2',
      '--duration',
      '2h',
      '--comment',
      'new disk',
    ])
    expect(made).toMatchObject({ code: 0, stderr: '' })
    expect(made.stdout).toMatch(
      /^Silenced \(active\) until .* \(in (?:2 h|1 h 59 min)\): alertname="KafkaBrokerDown" broker_id="2"\n/,
    )
    const id = /^id (\S+)$/m.exec(made.stdout)?.[1] ?? ''
    expect(made.stdout).toContain(`kafka-healing silence expire ${id}`)
    const listed = await say(['silence', 'list'])
    expect(listed.stdout).toMatch(
      new RegExp(`^${id}  alertname="KafkaBrokerDown" broker_id="2"  active .* ann  new disk$`, 'm'),
    )
    expect(await json(['silence', 'list'])).toEqual(await api('/silence'))

    expect((await say(['silence', 'expire', id])).stdout).toBe(
      `Ended ${id}: alertname="KafkaBrokerDown" broker_id="2"\n`,
    )
    expect((await say(['silence', 'list'])).stdout).toBe('No silences that are active or pending.\n')
    expect((await say(['silence', 'list', '--state', 'expired'])).stdout).toContain(id)
  })

  it('begin and end when told to, for an hour unless told', async () => {
    const range = ['--start', '2999-01-01T02:00:00+01:00', '--end', '2999-01-01T04:00:00+01:00']
    expect(await json(['silence', 'add', 'cluster=~"a|b"', ...range, '--comment', 'x', '--by', 'bob'])).toMatchObject({
      state: 'pending',
      author: 'bob',
      matchers: ['cluster=~"a|b"'],
      startsAt: '2999-01-01T01:00:00.000Z',
    })
    const hour = (await json(['silence', 'add', 'X', '--comment', 'x'])) as { startsAt: string; endsAt: string }
    expect(Date.parse(hour.endsAt) - Date.parse(hour.startsAt)).toBe(3_600_000)
  })

  it('that end are told one by one; what is not there makes it fail', async () => {
    const { id } = (await json(['silence', 'add', 'X', '--comment', 'x'])) as { id: string }
    const { code, stdout, stderr } = await say(['silence', 'expire', 'nothing', id])
    expect([code, stderr]).toEqual([1, 'there is no silence nothing\n'])
    expect(stdout).toContain(`Ended ${id}`)
  })

  it('that end are one JSON document, however many they are', async () => {
    const ids: string[] = []
    for (const name of ['X', 'Y']) {
      const { id } = (await json(['silence', 'add', name, '--comment', 'x'])) as { id: string }
      ids.push(id)
    }
    const [one = '', two = ''] = ids
    const { code, stdout } = await say(['silence', 'expire', one, 'nothing', two, '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ items: ids.map((id) => ({ id, state: 'expired' })) })
    expect((await say(['silence', 'expire', 'nothing', '--json'])).stdout).toBe('')
  })

  it.each([
    [['add', 'foo=~"("', '--comment', 'x'], 2, /matcher foo=~"\(", character \d+: /],
    [['add', 'cluster', 'nonsense', '--comment', 'x'], 2, /matcher nonsense, character/],
    [['add', 'X'], 2, /required option '--comment <text>'/],
    [['add', '--comment', 'x'], 2, /missing required argument/],
    [['add', 'X', '--duration', '2h', '--end', '2999-01-01T00:00:00Z', '--comment', 'x'], 2, /cannot be used with/],
    [['add', 'alertname=~".+"', '--comment', 'x'], 1, /nearly\) every alert/],
    [['lst'], 2, /Did you mean list\?/],
  ])('are refused: %j', async (args, code, why) => {
    expect(await say(['silence', ...args])).toMatchObject({ code, stderr: expect.stringMatching(why) })
  })

  it('of everything want to be asked for', async () => {
    expect((await say(['silence', 'add', 'alertname=~".+"', '--all', '--comment', 'x'])).code).toBe(0)
  })
})

describe('pauses', () => {
  beforeEach(() => start())

  it('S-3.5 are made, listed, shown by status, and ended', async () => {
    expect((await say(['pause'])).stdout).toBe('Nothing is paused.\n')
    const made = await say(['pause', 'cluster:lab', '--duration', '2h', '--comment', 'upgrade'])
    expect(made.stdout).toMatch(
      /^Paused cluster:lab until .*\nIt ends sooner with: kafka-healing resume cluster:lab\n$/,
    )
    expect((await say(['pause'])).stdout).toMatch(/\ncluster:lab .* ann +upgrade\n/)
    expect(await json(['pause'])).toEqual(await api('/pause'))
    expect((await say(['status'])).stdout).toMatch(/paused +cluster:lab until .* by ann: upgrade/)
    expect((await say(['resume', 'cluster:lab'])).stdout).toBe('The pause of cluster:lab by ann is over.\n')
    expect(await say(['resume', 'cluster:lab'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nothing is paused, suspended or demoted by cluster:lab'),
    })
  })

  it('S-5.11 resume lets a rule act again that failed too often', async () => {
    await on.deliver(deliveryOf([1, 2, 3]))
    await on.settle(planOf({ afterMs: 0, attempts: { ...planOf().attempts, max: 0 } }))
    for (const _ of [1, 2, 3]) {
      const look = await on.store.claimLook('test', systemClock.now(), 60_000)
      if (look) await on.store.guardsEvaluated(look, PASSED, [], null, systemClock.now())
    }
    expect((await say(['status'])).stdout).toContain('rule broker-down only informs on lab: 3 targets failed in 24 h')
    expect((await say(['resume', 'rule:broker-down'])).stdout).toBe('Rule broker-down may act again on lab.\n')
  })

  it.each([
    [['pause', 'everything', '--comment', 'x'], 2, 'Expected all, cluster:<name>'],
    [['pause', 'all'], 2, 'say why with --comment'],
    [['pause', '--comment', 'x'], 2, 'what is to be paused?'],
    [['pause', 'all', '--comment', 'x', '--duration', '8d'], 1, 'at most 7d'],
    [['pause', 'rule:nope', '--comment', 'x'], 1, 'there is no rule "nope"; there are: broker-down'],
    [['resume'], 2, 'missing required argument'],
  ])('are refused: %j', async (args, code, why) => {
    expect(await say(args)).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(why) })
  })
})

describe('status and reload', () => {
  it('say what is in force and what is wrong', async () => {
    await start()
    await opened()
    const { code, stdout } = await say(['status'])
    expect(code).toBe(0)
    expect(stdout).toContain(`kafka-healing test at ${on.url}\n`)
    expect(stdout).toMatch(/incidents +2 waiting\n/)
    expect(stdout).toMatch(/store +commits; 0 changes of alerts wait/)
    expect(stdout).toMatch(/loops +all 1 run/)
    const answer = (await json(['status'])) as Record<string, unknown>
    expect(Object.keys(answer)).toEqual(Object.keys((await api('/status')) as object))
    expect((await say(['reload'])).stdout).toBe('Reloaded: revision r2 is in force\n')
  })

  it('list every problem of the files with its place', async () => {
    const problems = ['rules/kafka.yml:3:5: unknown key "mtach"', 'inventory.yml: cluster lab has no cluster_id']
    await start({ deps: { reload: async () => ({ ok: false, problems }) } })
    const { code, stderr } = await say(['reload'])
    expect(code).toBe(1)
    expect(stderr).toBe(
      `The configuration is not valid; the last good one stays in force\n${problems[0]}\nconfiguration: ${problems[1]}\n`,
    )
  })
})

describe('credentials', () => {
  it('are sent from a file or the environment, and asked for by name where they are missing or wrong', async () => {
    await start({
      deps: {
        apiCredentials: [{ kind: 'bearer', token: new Secret('right') }],
        webhookCredentials: [{ kind: 'bearer', token: new Secret('hook') }],
      },
    })
    const file = join(folder, 'token')
    writeFileSync(file, 'right\n')

    expect((await say(['incidents'])).stderr).toContain('does not know the credential that was sent: none')
    expect((await say(['incidents'], { env: { KAFKA_HEALING_TOKEN: 'wrong' } })).stderr).toContain(
      'the token in KAFKA_HEALING_TOKEN',
    )
    expect((await say(['incidents'], { env: { KAFKA_HEALING_TOKEN: 'hook' } })).stderr).toContain(
      'for POST /webhook only',
    )
    expect((await say(['incidents'], { env: { KAFKA_HEALING_TOKEN: 'right' } })).code).toBe(0)
    expect((await say(['incidents', '--token-file', file])).code).toBe(0)
    // Everybody on the machine sees arguments.
    expect((await say(['incidents', '--token', 'right'])).code).toBe(2)
    rmSync(folder, { recursive: true, force: true })
  })
})

describe('what comes from outside', () => {
  it('is harmless on a terminal, in text and in JSON, which is the same data all the same', async () => {
    await start()
    await attempted(on, [`1${EVIL.replaceAll('\ud800', '')}`], EVIL)
    const hostile = ['--comment', EVIL.replaceAll('\ud800', ''), '--by', `a\u202eb`]
    await say(['silence', 'add', `x="${EVIL.replaceAll('\ud800', '')}"`, ...hostile])
    await say(['pause', 'all', ...hostile])
    for (const args of [
      ['incidents'],
      ['history'],
      ['show', '1', '--full'],
      ['silence', 'list'],
      ['pause'],
      ['status'],
      ['history', '--csv'],
      ['approve', '1'],
    ]) {
      const { stdout, stderr } = await say(args, { columns: 100 })
      const text = args.includes('--csv') ? stdout.replaceAll('\r\n', '\n') : stdout
      expect([args, isHarmless(unpainted(text)), isHarmless(stderr)]).toEqual([args, true, true])
    }
    const shown = await say(['show', '1', '--json'], { columns: 100 })
    expect(isHarmless(shown.stdout)).toBe(true)
    const trace = JSON.parse(shown.stdout) as { attempts: { steps: { result: unknown }[] }[] }
    const told = (await api('/incidents/1')) as typeof trace
    expect(trace.attempts[0]?.steps[0]?.result).toEqual(told.attempts[0]?.steps[0]?.result)
  })
})

function resolvedAlerts(): readonly object[] {
  return [
    {
      status: 'resolved',
      labels: { alertname: 'KafkaBrokerDown', cluster: 'lab', broker_id: '1' },
      annotations: {},
      startsAt: '2026-11-21T03:54:52.808130655Z',
      endsAt: '2026-11-21T03:55:52.808130655Z',
      generatorURL: '',
    },
  ]
}
