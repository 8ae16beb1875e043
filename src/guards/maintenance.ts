import { defineOwnGuard } from './guard.ts'

export const maintenance = defineOwnGuard({
  kind: 'own',
  type: 'maintenance',
  summary: 'No maintenance window covers the target.',
  decide(facts, _intent, now) {
    const active = facts.windows.filter((window) => window.endsAt > now)
    const evidence = active.map(({ name }) => ({
      name: 'maintenance window',
      value: name,
      wanted: 'no window',
      source: 'store',
      at: now,
    }))
    const last = active.reduce((latest, one) => (one.endsAt > (latest?.endsAt ?? 0) ? one : latest), active[0])
    if (!last) return { guard: 'maintenance', verdict: 'pass', reason: 'no maintenance', evidence }
    return {
      guard: 'maintenance',
      verdict: 'hold',
      quiet: true,
      until: last.endsAt,
      reason: `maintenance ${last.name}: ${last.comment}`,
      evidence,
    }
  },
})
