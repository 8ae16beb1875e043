import { expect, test } from 'vitest'
import { planOf } from '../../test/support/plan.ts'
import { lookOf } from './summary.ts'
import type { ProbeResult } from './verdict.ts'

const probe = (name: string, change: Partial<ProbeResult>): ProbeResult => ({
  probe: name,
  verdict: 'unknown',
  reason: 'said so',
  evidence: [],
  ...change,
})
const starting = probe('kafka-api', { verdict: 'progressing', starting: true })
const serving = probe('in-sync', { verdict: 'unknown', serves: true })

test.each<[string, readonly ProbeResult[], 'serving' | 'starting' | null]>([
  ['it answers, and its replicas cannot be judged', [serving], 'serving'],
  ['it runs', [starting], 'starting'],
  ['another probe cannot tell', [starting, probe('promql', {})], 'starting'],
  ['another one finds it broken', [starting, probe('program', { verdict: 'broken' })], 'starting'],
  ['it progresses otherwise', [probe('in-sync', { verdict: 'progressing', mark: '3' })], null],
  ['nothing was seen of it', [probe('kafka-api', {})], null],
])('S-5.9 the process: %s', (_what, results, process) => {
  expect(lookOf(planOf(), results, null, null).process).toBe(process)
})
