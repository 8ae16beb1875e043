import type { Alert } from '../alert/alert.ts'
import type { Plan } from '../incident/plan.ts'
import type { Inventory, Subject } from '../inventory/inventory.ts'
import { resolveSubject } from '../inventory/resolve.ts'
import { matchRules, type Rule } from './match.ts'

/** A credential that may speak for some clusters only (S-2.2). */
export interface Speaker {
  readonly name: string
  readonly clusters: readonly string[]
}

/** The rules that match an alert, with what its labels name. `speaker`: whom it came by; null: it may speak for all clusters. */
export function openingsOf(
  { labels, fingerprint }: Pick<Alert, 'labels' | 'fingerprint'>,
  { rules, inventory }: { readonly rules: readonly Rule[]; readonly inventory: Inventory },
  speaker: Speaker | null,
): readonly { readonly plan: Plan; readonly subject: Subject }[] {
  return matchRules(rules, labels).map(({ plan, selector }) => {
    const subject = resolveSubject(selector, labels, fingerprint, inventory)
    if (speaker === null || subject.cluster === null || speaker.clusters.includes(subject.cluster)) return { plan, subject }
    const problem = `the credential ${speaker.name} may not speak for cluster ${subject.cluster}`
    return {
      plan,
      subject: { kind: 'unresolved', key: `unresolved:${fingerprint}`, cluster: subject.cluster, problem },
    }
  })
}
