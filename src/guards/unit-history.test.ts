import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import { brokerTarget, clusterOf, intentOf, lookContext } from '../../test/support/look.ts'
import { startUserManager, type UserManager } from '../../test/support/user-manager.ts'
import { systemClock } from '../clock.ts'
import { localHost } from '../hosts/local.ts'
import { redactorOf } from '../hosts/transcript.ts'
import type { GuardResult } from '../incident/verdict.ts'
import type { LookContext } from '../probes/probe.ts'
import { readUnit } from '../probes/unit-state.ts'
import type { Intent } from './guard.ts'
import { symptom } from './symptom.ts'

const UNIT = `[Service]
Type=exec
ExecStart=/bin/sleep 1000
Restart=no
[Install]
WantedBy=default.target
`

describe('S-2.5 on a real systemd', () => {
  let manager: UserManager
  let context: LookContext
  const host = () => localHost({ clock: systemClock, redact: redactorOf([]), runtimeDir: manager.runtimeDir })
  const use = (name: string) => {
    const target = brokerTarget(1, { unit: { name, manager: 'user', sudo: false }, address: null })
    context = lookContext({ target, cluster: clusterOf([target]), host: host() })
  }
  const seen = async () => {
    const unit = await readUnit(context.host, context.target.unit, systemClock)
    if ('problem' in unit) throw new Error(unit.problem)
    return unit
  }
  const state = (wanted: string) => waitFor(`the unit is ${wanted}`, async () => (await seen()).activeState === wanted)
  const start = async () => {
    manager.systemctl('start', context.target.unit.name)
    await state('active')
    return (await seen()).invocationId
  }
  const kill = async () => {
    manager.systemctl('kill', '--signal=KILL', context.target.unit.name)
    await state('failed')
  }
  const judge = async (intent: Partial<Intent> = {}): Promise<GuardResult> => {
    const wanted = intentOf(intent)
    const params = { unit: 'crashed' } as const
    // A context is one look.
    return symptom.decide(await symptom.facts(params, wanted, { ...context }), params, wanted, systemClock.now())
  }

  beforeAll(async () => {
    manager = await startUserManager()
    manager.units({ 'plain.service': UNIT, 'template@.service': UNIT })
    manager.systemctl('enable', 'plain.service', 'template@1.service')
  }, 60_000)
  afterAll(() => manager?.stop())

  test.each(['plain.service', 'template@1.service'])(
    '%s: killed is crashed, running is not, stopped is on purpose',
    async (name) => {
      use(name)
      await start()
      expect(await judge()).toMatchObject({ verdict: 'refuse', reason: expect.stringContaining('has not crashed') })
      await kill()
      expect(await judge()).toMatchObject({ verdict: 'pass' })
      await start()
      manager.systemctl('stop', name)
      await state('inactive')
      expect(await judge()).toMatchObject({ verdict: 'refuse', approvable: true })
    },
  )

  test.each(['plain.service', 'template@1.service'])(
    '%s: our own reset-failed does not turn a crash into a stop',
    async (name) => {
      use(name)
      await start()
      await kill()
      const firstSeenUnit = await seen()
      manager.systemctl('reset-failed', name)
      await state('inactive')
      expect(await judge({ firstSeenUnit })).toMatchObject({ approvable: true })
      expect(await judge({ firstSeenUnit, changedByUs: true })).toMatchObject({ verdict: 'pass' })
    },
  )

  test.each(['plain.service', 'template@1.service'])(
    '%s: a person’s start, and a stop of what we started, are theirs',
    async (name) => {
      use(name)
      await start()
      await kill()
      const firstSeenUnit = await seen()
      const second = await start()
      expect(await judge({ firstSeenUnit })).toMatchObject({ escalate: 'humanChanged' })
      const ours = { firstSeenUnit, changedByUs: true, ourInvocations: [second] }
      expect(await judge(ours)).toMatchObject({ verdict: 'refuse', reason: expect.stringContaining('has not crashed') })
      manager.systemctl('stop', name)
      await state('inactive')
      expect(await judge(ours)).toMatchObject({ verdict: 'refuse', approvable: true })
    },
  )
})
