import { z } from 'zod'
import type { GuardResult } from '../incident/verdict.ts'

/** S-5.1: only guards of the user's own may be told to pass when they cannot be evaluated. */
export const onErrorParam = z
  .enum(['refuse', 'allow'])
  .default('refuse')
  .describe('What to do when it cannot be evaluated')

export function unevaluated(
  onError: z.infer<typeof onErrorParam>,
  why: string,
): Pick<GuardResult, 'verdict' | 'reason'> {
  if (onError === 'refuse') return { verdict: 'unknown', reason: why }
  return { verdict: 'pass', reason: `could not be evaluated, and the rule allows that: ${why}` }
}
