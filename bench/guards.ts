import { join } from 'node:path'
import { pino } from 'pino'
import { systemClock } from '../src/clock.ts'
import { evaluateWorldGuards, lookContext } from '../src/engine/world.ts'
import { InForce } from '../src/in-force.ts'
import type { Plan } from '../src/incident/plan.ts'
import type { Target } from '../src/inventory/inventory.ts'
import { startLab } from '../test/lab/lab.ts'
import { intentOf, memoryOf } from '../test/support/look.ts'
import { planOf } from '../test/support/plan.ts'
import { quickRules, writeRules } from '../test/support/rules.ts'
import { against, type Row } from './row.ts'
import { median } from './sample.ts'

const PARTITIONS = 300
const LOOKS = 20

/** All guards before a restart, on a real three-broker cluster: whole, with one broker frozen, with one dead. */
export async function run(): Promise<readonly Row[]> {
  const lab = await startLab({ parts: ['kafka', 'ssh', 'mail'], sessionTimeoutMs: 9_000 })
  try {
    await lab.createTopic('orders', { partitions: PARTITIONS })
    writeRules(lab.healingFolder, quickRules({ firing: { source: 'webhook', max_age: '1h' } }))
    const log = pino({ level: 'silent' })
    const configFile = join(lab.healingFolder, 'config.yml')
    const inForce = InForce.load({ configFile, clock: systemClock, log, env: process.env })
    try {
      const whole = await looks(inForce, LOOKS)
      await lab.signalBroker(3, 'SIGSTOP')
      const frozen = await looks(inForce, LOOKS / 4)
      await lab.signalBroker(3, 'SIGKILL')
      const dead = await looks(inForce, LOOKS / 4)
      return rows(whole, frozen, dead)
    } finally {
      await inForce.close()
    }
  } finally {
    await lab.down()
  }
}

/** Milliseconds of each look, judged for a restart of broker 1. */
async function looks(inForce: InForce, count: number): Promise<readonly number[]> {
  const target = targetOf(inForce)
  const took: number[] = []
  for (let look = 0; look < count; look++) {
    const context = lookContext(inForce.world, target, memoryOf(), systemClock, new AbortController().signal)
    if (!context) throw new Error('the lab has no such cluster')
    const began = systemClock.monotonic()
    await evaluateWorldGuards({ ...intentOf({ plan: restart(), targetKey: target.key }), disruptive: true }, context)
    took.push(systemClock.monotonic() - began)
  }
  return took
}

function targetOf({ world }: InForce): Target {
  const target = world.inventory.targets.get('orders/broker/1')
  if (!target) throw new Error('the lab has no broker 1')
  return target
}

function restart(): Plan {
  const plan = planOf({ firing: { source: 'webhook', maxAgeMs: 3_600_000 } })
  return { ...plan, runbook: { ...plan.runbook, symptom: { type: 'symptom', params: { broker: 'hung' } } } }
}

function rows(whole: readonly number[], frozen: readonly number[], dead: readonly number[]): readonly Row[] {
  const how = `still-firing by webhook, identity and unit over SSH, symptom, one view of three real brokers with ${PARTITIONS} partitions; median`
  const of = (name: string, took: readonly number[], goal: number): Row =>
    against(
      {
        name: `guards: ${name}`,
        figure: median(took),
        unit: 'ms',
        how: `${how} of ${took.length}, worst ${Math.round(Math.max(...took))} ms`,
      },
      '<',
      goal,
    )
  return [of('all brokers up', whole, 200), of('one broker frozen', frozen, 2_500), of('one broker dead', dead, 2_500)]
}
