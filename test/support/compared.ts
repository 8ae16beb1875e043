import type { Evidence } from '../../src/incident/verdict.ts'

/** Of what a guard or a probe saw, the values that it compared, each with what was wanted. */
export function compared({ evidence }: { readonly evidence: readonly Evidence[] }): readonly unknown[] {
  return evidence.flatMap(({ name, value, wanted }) => (wanted === undefined ? [] : [[name, value, wanted]]))
}
