/**
 * JSON as `--json` prints it: the same data, and harmless on a terminal too, because what a terminal would obey, hide or turn
 * around is written as `\u…`.
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, null, 2).replaceAll(/[\u007f-\u009f\p{Cf}\p{Cs}\u2028\u2029]/gu, escaped)
  return `${text}\n`
}

function escaped(one: string): string {
  const units = Array.from({ length: one.length }, (_, index) => one.charCodeAt(index))
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
}
