import { iso } from '../clock.ts'
import { defineOwnGuard } from './guard.ts'

/** S-3.2: between incidents on one target lie 5 min after an action and 15 min after an escalation. */
export const cooldown = defineOwnGuard({
  kind: 'own',
  type: 'cooldown',
  summary: 'The target has been left alone for long enough since another incident acted on it.',
  decide({ cooldownUntil }, intent, now) {
    const cooling = cooldownUntil !== null && cooldownUntil > now
    const until = cooldownUntil === null ? null : iso(cooldownUntil)
    const evidence = [{ name: 'cooldown until', value: until, wanted: 'none, or past', source: 'store', at: now }]
    if (!cooling) return { guard: 'cooldown', verdict: 'pass', reason: 'not cooling down', evidence }
    // Cooldown paces the machine; a person has looked.
    if (intent.byPerson)
      return { guard: 'cooldown', verdict: 'pass', reason: 'cooling down, but a person asked', evidence }
    return { guard: 'cooldown', verdict: 'refuse', reason: `cooling down until ${iso(cooldownUntil)}`, evidence }
  },
})
