import { iso } from '../clock.ts'
import { defineOwnGuard } from './guard.ts'

/**
 * S-5.11: the rule has failed here too often and only informs until a person resumes it. New incidents open in that mode and
 * open ones are restricted to it; this is for one that was about to act in between, or comes back from a person's hands.
 */
export const breaker = defineOwnGuard({
  kind: 'own',
  type: 'breaker',
  summary: 'The rule has not failed here so often that it may only inform (S-5.11).',
  decide({ demotion }, { byPerson }) {
    if (demotion === null) return { guard: 'breaker', verdict: 'pass', reason: 'not demoted', evidence: [] }
    const evidence = [
      { name: 'demoted', value: demotion.reason, wanted: 'not demoted', source: 'store', at: demotion.at },
    ]
    if (byPerson) return { guard: 'breaker', verdict: 'pass', reason: 'demoted, but a person asked', evidence }
    const reason = `demoted to inform since ${iso(demotion.at)}: ${demotion.reason}`
    return { guard: 'breaker', verdict: 'refuse', reason, evidence }
  },
})
