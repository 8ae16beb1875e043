import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Journald, startJournald } from '../../test/support/journald.ts'
import { brokerTarget, clusterOf, fakeHost, local, lookContext } from '../../test/support/look.ts'
import { systemClock } from '../clock.ts'
import type { Host, RunResult } from '../hosts/host.ts'
import { brokerStateOf, describeState, hasRun } from './broker-state.ts'
import type { LookContext, PromSample } from './probe.ts'

const INVOCATION = 'a'.repeat(32)
const STATE = /^last_over_time\(kafka_server_kafkaserver_brokerstate\[(\d+)s\]\)$/
const REMAINING = '{__name__=~"^kafka_log_logmanager_remaining(logs|segments)torecover$"}'

const exited = (stdout: string, exitCode = 0): RunResult => ({
  kind: 'exited',
  exitCode,
  signal: null,
  timedOut: false,
  stdout,
  stderr: '',
})

/** A host whose unit began `age` seconds ago, and whose journal prints `journal`. */
function hostWith(age: number | null, journal: string | null, commands: (readonly string[])[] = []) {
  return fakeHost(async (argv) => {
    commands.push(argv)
    if (argv[0] === 'sh') return journal === null ? exited('', 9) : exited(journal)
    const began = age === null ? '' : new Date(systemClock.now() - age * 1000).toUTCString()
    const [, day = '', month = '', year = '', time = ''] = /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(began) ?? []
    const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
    const date = `Sat ${year}-${String(months.indexOf(month) + 1).padStart(2, '0')}-${day} ${time} UTC`
    return exited(
      `ActiveState=active\nInvocationID=${INVOCATION}\nFinishTimestamp=\nExecMainStartTimestamp=${age === null ? '' : date}\n`,
    )
  })
}

function prometheus(states: readonly PromSample[], remaining: readonly PromSample[] = [], asked: string[] = []) {
  return {
    alertmanager: null,
    prometheus: async (query: string) => {
      asked.push(query)
      return query === REMAINING ? remaining : states
    },
  }
}

const mine = (value: number, labels = {}): PromSample => ({
  labels: { cluster: 'orders', broker_id: '1', instance: 'kafka-1:7071', ...labels },
  value,
})
const brokers = [brokerTarget(1, { aliases: ['kafka-1:7071'] }), brokerTarget(2)]
const look = (change: Partial<LookContext>) => {
  const [target] = brokers
  return brokerStateOf(
    lookContext({ ...(target && { target }), cluster: clusterOf(brokers), host: hostWith(3_600, null), ...change }),
  )
}

describe('S-2.6 what a broker said of itself since it began', () => {
  test('the last state in Prometheus, from no further back than its process', async () => {
    const asked: string[] = []
    expect(await look({ monitoring: prometheus([mine(3)], [], asked) })).toMatchObject({
      state: 3,
      remaining: null,
      journal: null,
    })
    const seconds = Number(asked.map((query) => STATE.exec(query)?.[1]).find((found) => found !== undefined))
    // Half a minute for clocks that differ.
    expect(seconds).toBeGreaterThan(3_560)
    expect(seconds).toBeLessThanOrEqual(3_571)
    expect(asked).toContain(REMAINING)
  })

  test('a process that is younger than clocks may differ has said nothing yet', async () => {
    const asked: string[] = []
    const seen = await look({ host: hostWith(20, null), monitoring: prometheus([mine(3)], [], asked) })
    expect(seen.state).toBeNull()
    expect(asked).toEqual([REMAINING])
  })

  test('an old process is not looked up further back than an incident lasts', async () => {
    const asked: string[] = []
    await look({ host: hostWith(10_000_000, null), monitoring: prometheus([], [], asked) })
    expect(asked.some((query) => query.includes('[7200s]'))).toBe(true)
  })

  test.each<[string, PromSample]>([
    ['another broker', mine(3, { broker_id: '2', instance: 'kafka-2:7071' })],
    ['another cluster', mine(3, { cluster: 'payments' })],
    ['an exporter that nobody declared', { labels: { instance: 'kafka-1:9999' }, value: 3 }],
    ['labels that contradict each other', mine(3, { instance: '127.0.0.1:9092', broker_id: '2' })],
    ['everything', mine(3, { broker_id: 'all' })],
  ])('the series of %s is not its own', async (_, sample) => {
    expect(await look({ monitoring: prometheus([sample], [{ ...sample, value: 9 }]) })).toMatchObject({
      state: null,
      remaining: null,
    })
  })

  test('a series that only its instance names is its own, by the declared alias', async () => {
    const sample = { labels: { instance: 'kafka-1:7071' }, value: 3 }
    expect((await look({ monitoring: prometheus([sample]) })).state).toBe(3)
  })

  test('what is left to recover is added up over directories and threads', async () => {
    const seen = await look({ monitoring: prometheus([mine(2)], [mine(9, { dir: '"/a"' }), mine(4, { dir: '"/b"' })]) })
    expect(seen).toMatchObject({ state: 2, remaining: 13 })
    expect(describeState(seen)).toBe('BrokerState 2 (recovering its logs), 13 logs and segments to recover')
  })

  test('two series that disagree are no answer', async () => {
    const seen = await look({ monitoring: prometheus([mine(3), mine(2, { job: 'other' })]) })
    expect(seen.state).toBeNull()
    expect(seen.problems.join()).toContain('several')
  })

  test.each<[string, Partial<LookContext>]>([
    ['Prometheus is not configured', {}],
    [
      'Prometheus does not answer',
      { monitoring: { alertmanager: null, prometheus: () => Promise.reject(new Error('refused')) } },
    ],
    ['Prometheus knows nothing of it', { monitoring: prometheus([]) }],
    ['systemd does not say when it began', { host: hostWith(null, null), monitoring: prometheus([mine(3)]) }],
  ])('%s and its journal is silent: nothing is known', async (_, change) => {
    const seen = await look(change)
    expect(seen).toMatchObject({ state: null, journal: null })
    expect(hasRun(seen)).toBe(false)
    expect(seen.problems.length).toBeGreaterThan(1)
  })
})

describe('S-2.6 the journal of this invocation, where Prometheus has nothing', () => {
  const journal = (text: string, commands?: (readonly string[])[]) => look({ host: hostWith(60, text, commands) })

  test.each<[string, 'started' | 'starting']>([
    [
      'read\n[2026-11-21 14:38:09,001] INFO [KafkaRaftServer nodeId=1] Kafka Server started (kafka.server.KafkaRaftServer)\n',
      'started',
    ],
    ['read\n[2026-11-21 14:38:09,001] INFO [KafkaServer id=1] started (kafka.server.KafkaServer)\n', 'started'],
    [
      'read\nINFO [BrokerLifecycleManager id=1] The broker has been unfenced. Transitioning from RECOVERY to RUNNING.\n',
      'started',
    ],
    ['read\n', 'starting'],
  ])('%j: %s', async (text, wanted) => {
    expect((await journal(text)).journal).toBe(wanted)
  })

  test('it is asked for this invocation only, and of the manager that owns the unit', async () => {
    const commands: (readonly string[])[] = []
    await journal('read\n', commands)
    expect(commands.find(([tool]) => tool === 'sh')?.slice(4)).toEqual([`_SYSTEMD_INVOCATION_ID=${INVOCATION}`])
    const target = brokerTarget(1, { unit: { name: 'kafka.service', manager: 'user', sudo: false } })
    await look({ target, host: hostWith(60, 'read\n', commands) })
    expect(commands.findLast(([tool]) => tool === 'sh')?.[4]).toBe('--user')
  })

  test('it is not asked where Prometheus answers', async () => {
    const commands: (readonly string[])[] = []
    await look({ host: hostWith(3_600, 'read\n', commands), monitoring: prometheus([mine(3)]) })
    expect(commands.some(([tool]) => tool === 'sh')).toBe(false)
  })
})

/** Only root can start a journal of its own; in CI it is started or the test fails. */
const root = process.getuid?.() === 0 || process.env['CI'] === 'true'

describe.runIf(root)('S-2.6 a real journal', () => {
  let journald: Journald
  beforeAll(async () => {
    journald = await startJournald()
  }, 20_000)
  afterAll(() => journald?.stop())

  /** The machine's own journalctl, pointed at the namespace of the test. */
  const read = async (invocation: string) => {
    const shown = hostWith(60, null)
    const host: Host = {
      ...shown,
      run: async (argv, options) => {
        if (argv[0] === 'sh') return local.run([...argv, journald.option], options)
        const run = await shown.run(argv, options)
        return run.kind === 'exited' ? { ...run, stdout: run.stdout.replace(INVOCATION, invocation) } : run
      },
    }
    return (await look({ host })).journal
  }

  test('lines of another invocation of the same unit say nothing, and none at all neither', async () => {
    const [before, now, silent] = ['b'.repeat(32), 'c'.repeat(32), 'd'.repeat(32)] as const
    journald.write(before, 'INFO [KafkaRaftServer nodeId=1] Kafka Server started (kafka.server.KafkaRaftServer)')
    journald.write(now, 'INFO [LogLoader partition=orders-0] Recovering unflushed segment 0')
    expect([await read(before), await read(now), await read(silent)]).toEqual(['started', 'starting', null])
    journald.write(
      now,
      'INFO [BrokerLifecycleManager id=1] The broker has been unfenced. Transitioning from RECOVERY to RUNNING.',
    )
    journald.write(now, 'INFO something else')
    expect(await read(now)).toBe('started')
  }, 20_000)
})
