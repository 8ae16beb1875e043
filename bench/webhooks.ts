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

const root = join(import.meta.dirname, '..')
const SECONDS = 4
const ROUNDS = 2
const HOW = `wrk, 1 thread, 64 connections, ${SECONDS} s, best of ${ROUNDS} rounds taken in turns; one alert per delivery; database on disk, WAL, synchronous=FULL`

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
    const best = { echoFresh: 0, echoRepeat: 0, fresh: 0, repeat: 0, core: 0, peer: 0 }
    for (let round = 0; round < ROUNDS; round += 1) {
      best.echoFresh = Math.max(best.echoFresh, await measure(folder, 'echo', scripts.fresh))
      best.fresh = Math.max(best.fresh, await measure(folder, 'intake', scripts.fresh))
      best.echoRepeat = Math.max(best.echoRepeat, await measure(folder, 'echo', scripts.repeat))
      best.repeat = Math.max(best.repeat, await measure(folder, 'intake', scripts.repeat))
      best.core = Math.max(best.core, await measureWithIncidents(folder, scripts.fresh))
      if (await onPath('webhook')) best.peer = Math.max(best.peer, await measurePeer(folder, scripts.repeat))
    }
    const ratio = (name: string, figure: number, goal: number, how: string): Row =>
      against({ name, figure, unit: 'of the echo', how }, '≥', goal)
    const rate = (name: string, figure: number): Row => aside({ name, figure, unit: '/s', how: HOW })
    return [
      rate('webhooks: bare Fastify echo', best.echoFresh),
      rate('webhooks: new alerts, stored', best.fresh),
      ratio('webhooks: new alerts, stored', best.fresh / best.echoFresh, 0.5, HOW),
      rate('webhooks: repeats, stored', best.repeat),
      ratio('webhooks: repeats, stored', best.repeat / best.echoRepeat, 0.5, HOW),
      rate('webhooks: new alerts, an incident for each', best.core),
      ratio(
        'webhooks: new alerts, an incident for each',
        best.core / best.echoFresh,
        0.2,
        `${HOW}; incidents opened over the time until the inbox was empty`,
      ),
      ...peerRows(best.fresh, best.peer),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function peerRows(ours: number, peer: number): readonly Row[] {
  const name = "webhooks: adnanh/webhook (Debian's), running /bin/true, storing nothing"
  if (peer === 0) {
    return [aside({ name, figure: null, unit: '/s', how: 'webhook is not on the PATH (apt install webhook)' })]
  }
  const how = `${HOW}; it waits for the command`
  return [
    aside({ name, figure: peer, unit: '/s', how }),
    against({ name: 'webhooks: new alerts stored', figure: ours / peer, unit: 'of adnanh/webhook', how }, '≥', 10),
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
