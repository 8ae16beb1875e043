import { type Matcher, makeMatcher } from '../alert/matcher.ts'
import type { SilenceMatcher } from './store.ts'

/** A condition on a label as it is stored: Alertmanager's own form of it. */
export function toSilenceMatcher({ name, operator, value }: Matcher): SilenceMatcher {
  return { name, value, isRegex: operator.endsWith('~'), isEqual: operator.startsWith('=') }
}

/** The operator of a stored matcher, as {@link Matcher} names it. */
export function operatorOf({ isEqual, isRegex }: SilenceMatcher): Matcher['operator'] {
  if (isEqual) return isRegex ? '=~' : '='
  return isRegex ? '!~' : '!='
}

const compiledMatchers = new WeakMap<SilenceMatcher, Matcher>()

/** Throws for a matcher that is none; the API and the configuration refuse those before they come here. */
export function compiled(matcher: SilenceMatcher): Matcher {
  const known = compiledMatchers.get(matcher)
  if (known) return known
  const made = makeMatcher(matcher.name, operatorOf(matcher), matcher.value)
  if ('problem' in made) throw new TypeError(made.problem)
  compiledMatchers.set(matcher, made.ok)
  return made.ok
}
