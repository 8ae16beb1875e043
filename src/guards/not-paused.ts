import { defineOwnGuard } from './guard.ts'

export const notPaused = defineOwnGuard({
  kind: 'own',
  type: 'not-paused',
  summary: 'Nobody has paused acting here.',
  decide(facts, _intent, now) {
    const active = facts.pauses.filter((pause) => pause.endsAt > now)
    const evidence = active.map((pause) => ({
      name: `pause ${pause.id}`,
      value: pause.scope,
      wanted: 'no pause',
      source: 'store',
      at: now,
    }))
    const last = active.reduce((latest, pause) => (pause.endsAt > (latest?.endsAt ?? 0) ? pause : latest), active[0])
    if (!last) return { guard: 'not-paused', verdict: 'pass', reason: 'not paused', evidence }
    return {
      guard: 'not-paused',
      verdict: 'hold',
      quiet: true,
      until: last.endsAt,
      reason: `${last.scope} is paused by ${last.by}: ${last.comment}`,
      evidence,
    }
  },
})
