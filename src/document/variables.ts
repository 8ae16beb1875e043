import type { Complain, Path } from './document.ts'

/**
 * Replaces `${VAR}` and `${VAR:default}` in every text of a parsed value, after parsing, so that what a variable holds can
 * never become structure. `$${` stands for `${`. A variable that is not set and has no default is a problem.
 */
export function withVariables(
  value: unknown,
  env: Readonly<Record<string, string | undefined>>,
  complain: Complain,
): unknown {
  return replaceIn(value, [])

  function replaceIn(inner: unknown, path: Path): unknown {
    if (typeof inner === 'string') return replaceText(inner, path)
    if (Array.isArray(inner)) return inner.map((item, index) => replaceIn(item, [...path, index]))
    if (typeof inner !== 'object' || inner === null) return inner
    return Object.fromEntries(Object.entries(inner).map(([key, item]) => [key, replaceIn(item, [...path, key])]))
  }

  function replaceText(text: string, path: Path): string {
    return text.replace(/\$\$\{|\$\{([^}]*)\}?/g, (whole, inside: string | undefined) => {
      if (inside === undefined) return '${'
      const parts = /^([A-Za-z_][A-Za-z0-9_]*)(?::(.*))?$/s.exec(inside)
      if (parts === null || !whole.endsWith('}')) {
        complain(path, 'expected ${NAME} or ${NAME:default} (a literal "${" is written "$${")')
        return ''
      }
      const [, variable = '', fallback] = parts
      const found = env[variable] ?? fallback
      if (found === undefined) complain(path, `the environment variable ${variable} is not set and has no default`)
      return found ?? ''
    })
  }
}
