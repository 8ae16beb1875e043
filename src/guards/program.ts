import { z } from 'zod'
import { TARGET_KINDS } from '../inventory/inventory.ts'
import { askProgram, type ProgramAnswer, programParams } from '../probes/program.ts'
import { defineWorldGuard } from './guard.ts'
import { onErrorParam, unevaluated } from './on-error.ts'

/** Under what a whole look may take (20 s), so that the guard itself says what to do about a program that hangs. */
const DEFAULT_LIMIT_SECONDS = 15

/** A read-only program of the user's own, in front of everything a runbook does. */
export const programGuard = defineWorldGuard({
  kind: 'world',
  type: 'program',
  summary: 'A read-only program ends with exit code 0.',
  params: z.strictObject({
    ...programParams,
    limit: z
      .int()
      .min(1)
      .max(15)
      .optional()
      .describe('Seconds until it is ended and counts as not evaluated; 15 by default'),
    on_error: onErrorParam,
  }),
  targets: TARGET_KINDS,
  always: false,
  async facts(wanted, _intent, context): Promise<ProgramAnswer | { readonly problem: string }> {
    return askProgram({ ...wanted, limit: wanted.limit ?? DEFAULT_LIMIT_SECONDS }, context)
  },
  decide(answer, wanted) {
    const failed = (why: string, evidence: ProgramAnswer['evidence'] = []) => ({
      guard: 'program',
      ...unevaluated(wanted.on_error, why),
      evidence,
    })
    if ('problem' in answer) return failed(answer.problem)
    const { run, output, evidence } = answer
    if (run.timedOut) return failed('the program was ended by its time limit', evidence)
    if (run.exitCode === null) return failed(`the program was ended by ${run.signal ?? 'a signal'}`, evidence)
    // Shells and env(1): not executable, not found.
    if (run.exitCode === 126 || run.exitCode === 127)
      return failed(`the program could not be run: exit code ${run.exitCode}`, evidence)
    const verdict = run.exitCode === 0 ? 'pass' : 'refuse'
    return { guard: 'program', verdict, reason: `exit code ${run.exitCode}: ${output.slice(0, 200)}`, evidence }
  },
})
