import type { Alert } from '../alert/alert.ts'
import type { Plan } from '../incident/plan.ts'
import type { Inventory, Subject } from '../inventory/inventory.ts'
import { type Resolution, resolve, type Selector } from '../inventory/resolve.ts'
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
  return matchRules(rules, labels).map(({ plan, selector }) => ({
    plan,
    subject: namedBy(selector, { labels, fingerprint }, inventory, speaker).subject,
  }))
}

/** What an alert's labels name as far as the speaker may say it, and how they name it. */
export function namedBy(
  selector: Selector,
  { labels, fingerprint }: Pick<Alert, 'labels' | 'fingerprint'>,
  inventory: Inventory,
  speaker: Speaker | null,
): Resolution {
  const named = resolve(selector, labels, fingerprint, inventory)
  const { cluster } = named.subject
  if (speaker === null || cluster === null || speaker.clusters.includes(cluster)) return named
  const problem = `the credential ${speaker.name} may not speak for cluster ${cluster}`
  return { subject: { kind: 'unresolved', key: `unresolved:${fingerprint}`, cluster, problem }, how: problem }
}
