import { afterEach, describe, expect, it } from 'vitest'
import { deliveryOf } from '../../test/support/broker-delivery.ts'
import { type HttpWorld, startHttp } from '../../test/support/http.ts'
import { planOf } from '../../test/support/plan.ts'
import { incidentOf, T0 } from '../../test/support/story.ts'
import { possible } from './possible.ts'

let on: HttpWorld | null = null
afterEach(async () => {
  await on?.stop()
  on = null
})

const by = { by: 'ann' }
/** How an incident comes to stand where it does, as calls of its API. */
const STANDS: Readonly<Record<string, readonly string[]>> = {
  waiting: [],
  'taken over': ['take-over'],
  'granted one more': ['take-over', 'retry'],
  cancelled: ['cancel'],
}
const WISHES = { takeOver: 'take-over', retry: 'retry', cancel: 'cancel' } as const

describe('what is possible', () => {
  it('is what the API then does, and all else is answered with 409', async () => {
    const world = (on = await startHttp())
    const cases = Object.entries(STANDS).flatMap(([stands, calls]) =>
      Object.entries(WISHES).map(([flag, wish]) => ({ stands, calls, flag, wish })),
    )
    await world.deliver(deliveryOf(cases.map((_, index) => index)))
    await world.settle()
    const seen: string[] = []
    for (const [index, { stands, calls, flag, wish }] of cases.entries()) {
      const path = `/incidents/${index + 1}`
      for (const call of calls) expect((await world.send('POST', `${path}/${call}`, by)).status).toBe(200)
      const { possible: offered } = (await (await world.get(path)).json()) as { possible: Record<string, boolean> }
      // The one who has it already is no proof: another could take it over.
      const { status } = await world.send('POST', `${path}/${wish}`, { by: 'bob' })
      expect([stands, wish, offered[flag]]).toEqual([stands, wish, status === 200])
      seen.push(`${offered[flag]}`)
    }
    expect(new Set(seen)).toEqual(new Set(['true', 'false']))
  })

  it('S-3.6 a retry by the rule in force is another one only where the rule is', () => {
    const incident = incidentOf({ state: 'escalated', reason: 'exhausted' })
    const { plan } = incident
    expect(possible(incident, T0, null)).toMatchObject({ retry: true, replan: false })
    expect(possible(incident, T0, plan)).toMatchObject({ replan: false })
    expect(possible(incident, T0, planOf({ revision: 'new' }))).toMatchObject({ replan: true })
    expect(possible(incident, T0, planOf({ revision: 'new', mode: 'inform' }))).toMatchObject({ replan: false })
  })

  it('S-3.5 a yes only while it is asked for', () => {
    const approval = { request: 2, about: 'x', waives: [], askedAt: T0, expiresAt: T0 + 1_000, by: null, toldAt: T0 }
    const asking = incidentOf({ state: 'waiting', reason: 'approval', approval })
    expect(possible(asking, T0, null).approve).toBe(true)
    expect(possible(asking, T0 + 1_000, null).approve).toBe(false)
    expect(possible({ ...asking, approval: { ...approval, by: 'ann' } }, T0, null).approve).toBe(false)
    expect(possible(incidentOf(), T0, null).approve).toBe(false)
  })

  it('nothing when it is closed', () => {
    const closed = incidentOf({ state: 'closed', outcome: 'healed' })
    expect(Object.values(possible(closed, T0, planOf({ revision: 'new' })))).toEqual([
      false,
      false,
      false,
      false,
      false,
    ])
  })
})
