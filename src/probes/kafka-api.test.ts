import { describe, expect, test } from 'vitest'
import { killedUnit, memoryOf, runningUnit } from '../../test/support/look.ts'
import type { UnitSeen } from '../incident/unit.ts'
import type { Liveness } from '../kafka/clients.ts'
import { INVOCATION, judgeServing, type ServingFacts } from './kafka-api.ts'

const NOW = 1_800_000_000_000
const live = (state: Liveness['state'], why: Liveness['why']): Liveness => ({ state, why, detail: null, ms: 1 })
const serving = live('serving', 'ok')
const refused = live('notServing', 'refused')
const mute = live('notServing', 'no-answer')
const served = memoryOf({ servingAt: NOW - 60_000, servingInvocation: runningUnit().invocationId })
const facts: ServingFacts = {
  address: { host: 'kafka-1', port: 9092 },
  liveness: serving,
  unit: runningUnit(),
  unitProblem: '',
  hostName: 'ssh healer@kafka-1',
  memory: memoryOf(),
  brokerState: null,
}
const judge = (change: Partial<ServingFacts>) => judgeServing({ ...facts, ...change }, NOW)

describe('a listener that answers', () => {
  test.each<[string, UnitSeen | null]>([
    ['active', runningUnit()],
    ['failed', killedUnit()],
    ['unreadable', null],
  ])('is healed, whatever its unit (%s)', (_, unit) => {
    expect(judge({ unit }).verdict).toBe('healed')
  })

  test('the invocation that served is told, so that it can be remembered', () => {
    expect(judge({}).evidence).toContainEqual(expect.objectContaining({ name: INVOCATION, value: 'a'.repeat(32) }))
    expect(judge({ liveness: refused }).evidence.map(({ name }) => name)).not.toContain(INVOCATION)
  })
})

describe('S-5.4 what the network or a wrong setting can cause is unknown, even with a dead unit', () => {
  test.each(['connect-timeout', 'unreachable', 'tls-error', 'closed', 'not-kafka', 'error'] as const)('%s', (why) => {
    expect(judge({ liveness: live('unknown', why), unit: killedUnit() }).verdict).toBe('unknown')
    expect(judge({ liveness: live('unknown', why), memory: served }).verdict).toBe('unknown')
  })
})

describe('a listener that does not serve', () => {
  test.each([refused, mute])('S-2.6 dead unit: broken, and waiting cannot help ($why)', (liveness) => {
    expect(judge({ liveness, unit: killedUnit() })).toMatchObject({ verdict: 'broken', conclusive: true })
    const stopped = killedUnit({ activeState: 'inactive', subState: 'dead', result: 'success' })
    expect(judge({ liveness, unit: stopped })).toMatchObject({ verdict: 'broken', conclusive: true })
  })

  test.each([refused, mute])('S-2.6 a process never yet seen serving starts, whatever its age ($why)', (liveness) => {
    expect(judge({ liveness })).toMatchObject({ verdict: 'progressing', starting: true })
    const before = memoryOf({ servingAt: NOW, servingInvocation: 'b'.repeat(32) })
    expect(judge({ liveness, memory: before })).toMatchObject({ verdict: 'progressing', starting: true })
  })

  test('S-2.6 seen serving and mute now: it hangs', () => {
    const result = judge({ liveness: mute, memory: served })
    expect(result.verdict).toBe('broken')
    expect(result.conclusive).toBeUndefined()
  })

  test('S-2.6 a refused connection with an active unit is never a hang', () => {
    const result = judge({ liveness: refused, memory: served })
    expect(result.verdict).toBe('progressing')
    expect(result.starting).toBeUndefined()
  })

  test('S-2.6 auto-restart is systemd’s turn', () => {
    const unit = killedUnit({ activeState: 'activating', subState: 'auto-restart' })
    expect(judge({ liveness: refused, unit })).toMatchObject({ verdict: 'progressing', starting: true })
  })

  test('a queued job is going to change the unit: not dead yet', () => {
    const unit = killedUnit({ queuedJob: '4711' })
    expect(judge({ liveness: refused, unit }).verdict).toBe('progressing')
  })

  test('an unreadable unit leaves it unknown', () => {
    const result = judge({ liveness: refused, unit: null, unitProblem: 'no route to host' })
    expect(result).toMatchObject({ verdict: 'unknown', reason: expect.stringContaining('no route to host') })
  })

  test('no listener in the inventory: unknown', () => {
    expect(judge({ address: null, liveness: null }).verdict).toBe('unknown')
  })
})
