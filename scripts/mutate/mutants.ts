import { type Document, parseDocument } from 'yaml'
import { type Path, parseDocument as parseSource, type SourceDocument } from '../../src/document/document.ts'
import type { Position } from '../../src/document/problem.ts'
import { formatDuration, parseDuration } from '../../src/duration.ts'

/** A rules file that is broken in one place. */
export interface Mutant extends Position {
  /** E.g. `rules.broker-down.after: 30s → 1m`. */
  readonly what: string
  readonly text: string
  /** The rule it belongs to; of a runbook the first that uses it. */
  readonly rule: string
  /** Only the order of rules is another. */
  readonly isOrder: boolean
}

/** What rules files look like as far as it is broken here. */
interface WrittenRule {
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

interface WrittenRunbook {
  readonly symptom?: Readonly<Record<string, string>>
  readonly guards?: readonly unknown[]
  readonly rungs: readonly (readonly Readonly<Record<string, Readonly<Record<string, unknown>>>>[])[]
  readonly verify: readonly { readonly probe: string; readonly within: string }[]
}

/** A change of the document, and how to say it. */
interface Change {
  readonly path: Path
  readonly what: string
  readonly apply: (document: Document) => void
}

/** Everything that can be wrong with rules in one place: each matcher, number, duration, name, order, and each part taken away. */
export function mutantsOf(file: string, text: string, receivers: readonly string[]): readonly Mutant[] {
  const { document: source } = parseSource(file, text)
  if (source === null) throw new Error(`${file} cannot be read`)
  const { rules = [], runbooks = {} } = source.value as {
    readonly rules?: readonly WrittenRule[]
    readonly runbooks?: Readonly<Record<string, WrittenRunbook>>
  }
  const ofRules = rules.flatMap((rule, index) =>
    [...changesOfRule(rule, ['rules', index], rules, runbooks, receivers), ...orderOf(rules, index)].map((change) =>
      mutant(change, rule.name, rule.name, source, text),
    ),
  )
  const ofRunbooks = Object.entries(runbooks).flatMap(([name, runbook]) => {
    const user = rules.find((rule) => rule.runbook === name)?.name ?? ''
    return changesOfRunbook(runbook, ['runbooks', name]).map((change) => mutant(change, name, user, source, text))
  })
  return [...ofRules, ...ofRunbooks]
}

function mutant({ path, what, apply }: Change, of: string, rule: string, source: SourceDocument, text: string): Mutant {
  const document = parseDocument(text)
  apply(document)
  const inside = path.slice(2).join('.')
  return {
    ...source.at(path),
    isOrder: path[0] === 'rules' && path.length === 2,
    what: `${of}${inside === '' ? '' : `.${inside}`}: ${what}`,
    text: String(document),
    rule,
  }
}

function changesOfRule(
  rule: WrittenRule,
  at: Path,
  rules: readonly WrittenRule[],
  runbooks: Readonly<Record<string, WrittenRunbook>>,
  receivers: readonly string[],
): readonly Change[] {
  const { match, target, mode, rank, after, runbook, attempts, escalation } = rule
  const backoff = attempts?.backoff
  return [
    ...match.flatMap((matcher, index) => matcherChanges([...at, 'match', index], matcher, match.length > 1)),
    ...targetChanges([...at, 'target'], target),
    ...['inform', 'approve', 'act']
      .filter((other) => mode !== undefined && other !== mode)
      .map((other) => to([...at, 'mode'], mode, other)),
    ...rankChanges([...at, 'rank'], rank, rule, rules),
    ...durations([...at, 'after'], after),
    ...otherRunbooks(rule, runbooks, rules).map((other) => to([...at, 'runbook'], runbook, other)),
    ...counts([...at, 'attempts', 'max'], attempts?.max, 1, 6),
    ...durations([...at, 'attempts', 'backoff', 'initial'], backoff?.initial),
    ...counts([...at, 'attempts', 'backoff', 'multiplier'], backoff?.multiplier, 1, 10),
    ...capChanges([...at, 'attempts', 'backoff', 'max'], backoff?.max, backoff?.initial),
    ...durations([...at, 'attempts', 'stable'], attempts?.stable),
    ...(escalation?.to ?? []).flatMap((name, index) =>
      receivers.filter((other) => other !== name).map((other) => to([...at, 'escalation', 'to', index], name, other)),
    ),
    ...durations([...at, 'escalation', 'repeat'], escalation?.repeat),
  ]
}

/** The rule and the one after it change places. */
function orderOf(rules: readonly WrittenRule[], index: number): readonly Change[] {
  const next = rules[index + 1]
  if (next === undefined) return []
  return [swap(['rules'], index, `comes after ${next.name}`, ['rules', index])]
}

function changesOfRunbook({ symptom, guards = [], rungs, verify }: WrittenRunbook, at: Path): readonly Change[] {
  return [
    ...(symptom === undefined ? [] : symptomChanges([...at, 'symptom'], symptom)),
    ...guards.map((_, index) => without([...at, 'guards', index])),
    ...rungs.flatMap((rung, r) => {
      const path = [...at, 'rungs', r]
      return [
        ...(rungs.length > 1 ? [without(path)] : []),
        ...(r + 1 < rungs.length ? [swap([...at, 'rungs'], r, 'comes after the next', path)] : []),
        ...rung.flatMap((step, s) => [
          ...(rung.length > 1 ? [without([...path, s])] : []),
          ...(s + 1 < rung.length ? [swap(path, s, 'comes after the next', [...path, s])] : []),
          ...Object.entries(step).flatMap(([type, params]) =>
            Object.entries(params).flatMap(([name, value]) => paramChanges([...path, s, type, name], value)),
          ),
        ]),
      ]
    }),
    ...verify.flatMap(({ probe, within }, v) => [
      ...(verify.length > 1 ? [without([...at, 'verify', v])] : []),
      ...(probe === 'unit' ? [] : [to([...at, 'verify', v, 'probe'], probe, 'unit')]),
      ...durations([...at, 'verify', v, 'within'], within),
    ]),
  ]
}

function matcherChanges(path: Path, matcher: string, isOneOfSeveral: boolean): readonly Change[] {
  const [, name = '', operator = '', value = ''] = /^(.*?)(=~|!~|!=|=)(.*)$/.exec(matcher) ?? []
  const opposite: Readonly<Record<string, string>> = { '=': '!=', '!=': '=', '=~': '!~', '!~': '=~' }
  return [
    to(path, matcher, `${name}${operator}${value.replace(/"$/, 'X"')}`),
    to(path, matcher, `${name}${opposite[operator] ?? ''}${value}`),
    to(path, matcher, `${name}=~".*"`),
    ...(isOneOfSeveral ? [without(path)] : []),
  ]
}

function targetChanges(path: Path, target: WrittenRule['target']): readonly Change[] {
  const [[kind = '', from = ''] = []] = Object.entries(target)
  const others: readonly (readonly [string, string])[] = [
    ['broker', 'from-labels'],
    ['broker', 'culprit'],
    ['exporter', 'from-labels'],
  ]
  return others
    .filter(([otherKind, otherFrom]) => otherKind !== kind || otherFrom !== from)
    .map(([otherKind, otherFrom]) => ({
      path,
      what: `${kind}: ${from} → ${otherKind}: ${otherFrom}`,
      apply: (document) => document.setIn(path, document.createNode({ [otherKind]: otherFrom })),
    }))
}

/** Only what puts it before or behind another rule about the same targets changes anything. */
function rankChanges(
  path: Path,
  rank: number | undefined,
  rule: WrittenRule,
  rules: readonly WrittenRule[],
): readonly Change[] {
  if (rank === undefined) return []
  const others = rules.filter((one) => one !== rule && Object.keys(one.target)[0] === Object.keys(rule.target)[0])
  const ranks = others.map((one) => one.rank ?? 100)
  return [
    ...(Math.min(...ranks) <= rank ? [to(path, rank, Math.min(...ranks) - 1)] : []),
    ...(Math.max(...ranks) >= rank ? [to(path, rank, Math.max(...ranks) + 1)] : []),
  ]
}

/** Runbooks of rules about the same kind of target: others `check` would refuse. */
function otherRunbooks(
  rule: WrittenRule,
  runbooks: Readonly<Record<string, WrittenRunbook>>,
  rules: readonly WrittenRule[],
): readonly string[] {
  const kind = Object.keys(rule.target)[0]
  return Object.keys(runbooks).filter(
    (name) => name !== rule.runbook && rules.some((one) => one.runbook === name && Object.keys(one.target)[0] === kind),
  )
}

function symptomChanges(path: Path, symptom: Readonly<Record<string, string>>): readonly Change[] {
  const [[kind = '', value = ''] = []] = Object.entries(symptom)
  const others: readonly (readonly [string, string])[] = [
    ['unit', 'crashed'],
    ...(kind === 'scrape' ? [] : (['hung', 'fenced', 'out-of-sync'] as const).map((one) => ['broker', one] as const)),
  ]
  return [
    without(path),
    ...others
      .filter(([otherKind, other]) => otherKind !== kind || other !== value)
      .map(([otherKind, other]): Change => {
        const apply = (document: Document): void => document.setIn(path, document.createNode({ [otherKind]: other }))
        return { path, what: `${kind}: ${value} → ${otherKind}: ${other}`, apply }
      }),
  ]
}

const VERBS = ['start', 'restart', 'reset-failed']

function paramChanges(path: Path, value: unknown): readonly Change[] {
  if (typeof value === 'boolean') return [to(path, value, !value)]
  if (typeof value === 'number') return [to(path, value, value * 2)]
  if (typeof value === 'string' && VERBS.includes(value))
    return VERBS.filter((verb) => verb !== value).map((verb) => to(path, value, verb))
  return []
}

/** Twice and half as long. */
function durations(path: Path, text: string | undefined): readonly Change[] {
  const ms = text === undefined ? null : parseDuration(text)
  if (ms === null) return []
  return [ms * 2, ms / 2].map((other) => to(path, text, formatDuration(other)))
}

/** A limit that is never reached changes nothing when it grows; this one cuts off the first back-off. */
function capChanges(path: Path, cap: string | undefined, initial: string | undefined): readonly Change[] {
  const ms = initial === undefined ? null : parseDuration(initial)
  return cap === undefined || ms === null ? [] : [to(path, cap, formatDuration(ms / 3))]
}

function counts(path: Path, count: number | undefined, min: number, max: number): readonly Change[] {
  if (count === undefined) return []
  return [count - 1, count + 1].filter((other) => other >= min && other <= max).map((other) => to(path, count, other))
}

function to(path: Path, before: unknown, after: unknown): Change {
  return { path, what: `${String(before)} → ${String(after)}`, apply: (document) => document.setIn(path, after) }
}

function without(path: Path): Change {
  return { path, what: 'taken away', apply: (document) => void document.deleteIn(path) }
}

function swap(list: Path, index: number, what: string, path: Path): Change {
  return {
    path,
    what,
    apply: (document) => {
      const [one, next] = [document.getIn([...list, index], true), document.getIn([...list, index + 1], true)]
      document.setIn([...list, index], next)
      document.setIn([...list, index + 1], one)
    },
  }
}
