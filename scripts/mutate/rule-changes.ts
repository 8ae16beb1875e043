import type { Path } from '../../src/document/document.ts'
import { type Change, counts, durations, lowerCap, swap, to, toOther, without } from './changes.ts'
import { kindOf, type WrittenRule, type WrittenRules } from './written.ts'

/** Everything that can be wrong with one rule. `receivers`: who could be told instead. */
export function changesOfRule(index: number, all: WrittenRules, receivers: readonly string[]): readonly Change[] {
  const rule = all.rules[index]
  if (rule === undefined) return []
  const at = ['rules', index]
  const { match, target, mode, after, runbook, attempts, escalation } = rule
  const backoff = attempts?.backoff
  const next = all.rules[index + 1]
  return [
    ...match.flatMap((matcher, m) => matcherChanges([...at, 'match', m], matcher, match.length > 1)),
    ...toOther([...at, 'target'], target, [
      ['broker', 'from-labels'],
      ['broker', 'culprit'],
      ['exporter', 'from-labels'],
    ]),
    ...['inform', 'approve', 'act']
      .filter((other) => mode !== undefined && other !== mode)
      .map((other) => to([...at, 'mode'], mode, other)),
    ...rankChanges([...at, 'rank'], rule, all),
    ...durations([...at, 'after'], after),
    ...otherRunbooks(rule, all).map((other) => to([...at, 'runbook'], runbook, other)),
    ...counts([...at, 'attempts', 'max'], attempts?.max, 1, 6),
    ...durations([...at, 'attempts', 'backoff', 'initial'], backoff?.initial),
    ...counts([...at, 'attempts', 'backoff', 'multiplier'], backoff?.multiplier, 1, 10),
    ...lowerCap([...at, 'attempts', 'backoff', 'max'], backoff?.max, backoff?.initial),
    ...durations([...at, 'attempts', 'stable'], attempts?.stable),
    ...(escalation?.to ?? []).flatMap((name, r) =>
      receivers.filter((other) => other !== name).map((other) => to([...at, 'escalation', 'to', r], name, other)),
    ),
    ...durations([...at, 'escalation', 'repeat'], escalation?.repeat),
    ...(next === undefined ? [] : [swap(['rules'], index, `comes after ${next.name}`)]),
  ]
}

const OPPOSITE: Readonly<Record<string, string>> = { '=': '!=', '!=': '=', '=~': '!~', '!~': '=~' }

/** Another value, the opposite, anything; and away with it, where it is not the only one. */
function matcherChanges(path: Path, matcher: string, isOneOfSeveral: boolean): readonly Change[] {
  const [, name = '', operator = '', value = ''] = /^(.*?)(=~|!~|!=|=)(.*)$/.exec(matcher) ?? []
  return [
    to(path, matcher, `${name}${operator}${value.replace(/"$/, 'X"')}`),
    to(path, matcher, `${name}${OPPOSITE[operator] ?? ''}${value}`),
    to(path, matcher, `${name}=~".*"`),
    ...(isOneOfSeveral ? [without(path)] : []),
  ]
}

/** Only what puts it before or behind another rule about the same kind of target changes anything. */
function rankChanges(path: Path, rule: WrittenRule, { rules }: WrittenRules): readonly Change[] {
  const { rank } = rule
  if (rank === undefined) return []
  const others = rules.filter((one) => one !== rule && kindOf(one) === kindOf(rule)).map((one) => one.rank ?? 100)
  const [least, most] = [Math.min(...others), Math.max(...others)]
  return [...(least <= rank ? [to(path, rank, least - 1)] : []), ...(most >= rank ? [to(path, rank, most + 1)] : [])]
}

/** Runbooks of rules about the same kind of target: others `check` would refuse. */
function otherRunbooks(rule: WrittenRule, { rules, runbooks }: WrittenRules): readonly string[] {
  const used = rules.filter((one) => kindOf(one) === kindOf(rule)).map((one) => one.runbook)
  return Object.keys(runbooks).filter((name) => name !== rule.runbook && used.includes(name))
}
