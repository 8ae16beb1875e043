/** A label value as a double-quoted string: the same three escapes in PromQL and in every Alertmanager's matchers. */
export function quoted(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}
