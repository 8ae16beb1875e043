import { defineOwnGuard } from './guard.ts'

export const notSilenced = defineOwnGuard({
  kind: 'own',
  type: 'not-silenced',
  summary: 'No silence covers an alert of the incident.',
  decide(facts, _intent, now) {
    const active = facts.silences.filter((silence) => silence.endsAt > now)
    const evidence = active.map((silence) => ({
      name: 'silence',
      value: silence.id,
      wanted: 'no silence',
      source: 'store',
      at: now,
    }))
    const last = active.reduce((latest, one) => (one.endsAt > (latest?.endsAt ?? 0) ? one : latest), active[0])
    if (!last) return { guard: 'not-silenced', verdict: 'pass', reason: 'not silenced', evidence }
    return {
      guard: 'not-silenced',
      verdict: 'hold',
      quiet: true,
      until: last.endsAt,
      reason: `silenced by ${last.by}: ${last.comment}`,
      evidence,
    }
  },
})
