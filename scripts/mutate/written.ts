/** What rules files look like, as far as they are broken here. */
export interface WrittenRule {
  readonly name: string
  readonly match: readonly string[]
  readonly target: Readonly<Record<string, string>>
  readonly mode?: string
  readonly rank?: number
  readonly after?: string
  readonly runbook: string
  readonly attempts?: {
    readonly max?: number
    readonly backoff?: { readonly initial?: string; readonly multiplier?: number; readonly max?: string }
    readonly stable?: string
  }
  readonly escalation?: { readonly to: readonly string[]; readonly repeat?: string }
}

export interface WrittenRunbook {
  readonly symptom?: Readonly<Record<string, string>>
  readonly guards?: readonly unknown[]
  readonly rungs: readonly (readonly Readonly<Record<string, Readonly<Record<string, unknown>>>>[])[]
  readonly verify: readonly { readonly probe: string; readonly within: string }[]
}

export interface WrittenRules {
  readonly rules: readonly WrittenRule[]
  readonly runbooks: Readonly<Record<string, WrittenRunbook>>
}

/** `broker`, `exporter`, … */
export function kindOf({ target }: WrittenRule): string | undefined {
  return Object.keys(target)[0]
}
