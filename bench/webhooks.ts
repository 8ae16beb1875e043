import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { systemClock } from '../src/clock.ts'
import { deliveryOf } from '../test/support/broker-delivery.ts'
import { against, aside, type Row } from './row.ts'
import { median } from './sample.ts'

const root = join(import.meta.dirname, '..')
const SECONDS = 3
const ROUNDS = 3
const HOW = `wrk, 1 thread, 64 connections, ${SECONDS} s, median of ${ROUNDS} rounds, each beside an echo of its own; one alert per delivery; database on disk, WAL, synchronous=FULL`

/** Requests per second; `core` counts incidents. */
interface Round {
  readonly echoFresh: number
  readonly fresh: number
  readonly core: number
  readonly echoRepeat: number
  readonly repeat: number
  /** Null: not installed. */
  readonly peer: number | null
}

interface Server {
  readonly url: string
  ask(): Promise<string>
  stop(): Promise<void>
}

/** Durable webhooks per second, beside a bare echo and Debian's `webhook` in the same run. */
export async function run(): Promise<readonly Row[]> {
  if (!(await onPath('wrk'))) {
    return [aside({ name: 'webhooks', figure: null, unit: '/s', how: 'wrk is not on the PATH (apt install wrk)' })]
  }
  mkdirSync(join(root, '.lab'), { recursive: true })
  const folder = mkdtempSync(join(root, '.lab/bench-'))
  try {
    const scripts = { fresh: script(folder, 'fresh'), repeat: script(folder, 'repeat') }
    const rounds: Round[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const echoFresh = await measure(folder, 'echo', scripts.fresh)
      const fresh = await measure(folder, 'intake', scripts.fresh)
      const core = await measureWithIncidents(folder, scripts.fresh)
      const echoRepeat = await measure(folder, 'echo', scripts.repeat)
      const repeat = await measure(folder, 'intake', scripts.repeat)
      const peer = (await onPath('webhook')) ? await measurePeer(folder, scripts.repeat) : null
      rounds.push({ echoFresh, fresh, core, echoRepeat, repeat, peer })
    }
    const of = (figure: (round: Round) => number): number => median(rounds.map(figure))
    const ratio = (name: string, figure: number, goal: number, how: string): Row =>
      against({ name, figure, unit: 'of the echo', how }, '≥', goal)
    const rate = (name: string, figure: number): Row => aside({ name, figure, unit: '/s', how: HOW })
    return [
      rate(
        'webhooks: bare Fastify echo',
        of(({ echoFresh }) => echoFresh),
      ),
      rate(
        'webhooks: new alerts, stored',
        of(({ fresh }) => fresh),
      ),
      ratio(
        'webhooks: new alerts, stored',
        of(({ fresh, echoFresh }) => fresh / echoFresh),
        0.5,
        HOW,
      ),
      rate(
        'webhooks: repeats, stored',
        of(({ repeat }) => repeat),
      ),
      ratio(
        'webhooks: repeats, stored',
        of(({ repeat, echoRepeat }) => repeat / echoRepeat),
        0.5,
        HOW,
      ),
      rate(
        'webhooks: new alerts, an incident for each',
        of(({ core }) => core),
      ),
      ratio(
        'webhooks: new alerts, an incident for each',
        of(({ core, echoFresh }) => core / echoFresh),
        0.2,
        `${HOW}; incidents opened over the time until the inbox was empty`,
      ),
      ...peerRows(rounds),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function peerRows(rounds: readonly Round[]): readonly Row[] {
  const name = "webhooks: adnanh/webhook (Debian's), running /bin/true, storing nothing"
  const beside = rounds.flatMap(({ fresh, peer }) => (peer === null ? [] : [{ fresh, peer }]))
  if (beside.length === 0) {
    return [aside({ name, figure: null, unit: '/s', how: 'webhook is not on the PATH (apt install webhook)' })]
  }
  const how = `${HOW}; it waits for the command`
  const times = median(beside.map(({ fresh, peer }) => fresh / peer))
  return [
    aside({ name, figure: median(beside.map(({ peer }) => peer)), unit: '/s', how }),
    against({ name: 'webhooks: new alerts stored', figure: times, unit: 'of adnanh/webhook', how }, '≥', 10),
  ]
}

async function measure(folder: string, kind: 'echo' | 'intake', lua: string): Promise<number> {
  const server = await start(folder, kind)
  try {
    return await wrk(`${server.url}/webhook`, lua)
  } finally {
    await server.stop()
  }
}

async function measureWithIncidents(folder: string, lua: string): Promise<number> {
  const server = await start(folder, 'core')
  try {
    const begun = systemClock.monotonic()
    await wrk(`${server.url}/webhook`, lua)
    for (;;) {
      const { opened, inbox } = JSON.parse(await server.ask()) as { readonly opened: number; readonly inbox: number }
      if (inbox === 0) return opened / ((systemClock.monotonic() - begun) / 1_000)
      if (systemClock.monotonic() - begun > 120_000) throw new Error(`the core left ${inbox} changes of alerts`)
      await systemClock.sleep(50)
    }
  } finally {
    await server.stop()
  }
}

async function measurePeer(folder: string, lua: string): Promise<number> {
  const hooks = join(folder, 'hooks.json')
  writeFileSync(
    hooks,
    JSON.stringify([{ id: 'webhook', 'execute-command': '/bin/true', 'include-command-output-in-response': true }]),
  )
  const port = await freePort()
  const args = ['-hooks', hooks, '-ip', '127.0.0.1', '-port', String(port), '-urlprefix', '']
  const child = spawn('webhook', args, { stdio: 'ignore' })
  try {
    const url = `http://127.0.0.1:${port}/webhook`
    const deadline = systemClock.monotonic() + 10_000
    while (!(await answers(url))) {
      if (systemClock.monotonic() > deadline) throw new Error('webhook does not answer')
      await systemClock.sleep(50)
    }
    return await wrk(url, lua)
  } finally {
    await end(child)
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }).then(
    (answer) => answer.ok,
    () => false,
  )
}

async function start(folder: string, kind: string): Promise<Server> {
  const own = mkdtempSync(join(folder, `${kind}-`))
  const child = spawn(process.execPath, [join(root, 'bench/webhook-server.ts'), kind, own], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`the ${kind} server ended`)
    return value
  }
  return {
    url: await next(),
    ask: () => {
      child.stdin.write('\n')
      return next()
    },
    stop: async () => {
      await end(child)
      rmSync(own, { recursive: true, force: true })
    },
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** Requests per second; any answer that is not 2xx makes the figure worthless and is an error. */
async function wrk(url: string, lua: string): Promise<number> {
  const { stdout } = await promisify(execFile)('wrk', ['-t1', '-c64', `-d${SECONDS}s`, '-s', lua, url])
  if (/Non-2xx/.test(stdout)) throw new Error(`not every answer was 2xx:\n${stdout}`)
  const found = /Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]
  if (found === undefined) throw new Error(`wrk printed no rate:\n${stdout}`)
  return Number(found)
}

/** `fresh`: each delivery holds an alert never seen before. `repeat`: always the same one. */
function script(folder: string, kind: 'fresh' | 'repeat'): string {
  const file = join(folder, `${kind}.lua`)
  const [head = '', tail = ''] = deliveryOf(['@']).split('"@"')
  const body =
    kind === 'repeat'
      ? `wrk.body = ${lua(deliveryOf(['1']))}`
      : `local n = 0\nlocal head, tail = ${lua(`${head}"`)}, ${lua(`"${tail}`)}\nrequest = function() n = n + 1 return wrk.format(nil, nil, nil, head .. n .. tail) end`
  writeFileSync(file, `wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n${body}\n`)
  return file
}

function lua(text: string): string {
  return `[==[${text}]==]`
}

async function onPath(program: string): Promise<boolean> {
  return promisify(execFile)('which', [program]).then(
    () => true,
    () => false,
  )
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
