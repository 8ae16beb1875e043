export interface Position {
  /** Both counted from 1. */
  readonly line: number
  readonly column: number
}

/** Something wrong in a file that people edit. A warning does not keep the configuration from being used. */
export interface Problem extends Position {
  readonly file: string
  readonly message: string
  readonly severity: 'error' | 'warning'
  /** It names a file that is not there, such as a password's; where only the rules are looked at, it need not be. */
  readonly absent?: true
}

/** `file:line:column: message`, which editors and terminals turn into a link. */
export function formatProblem({ file, line, column, message, severity }: Problem): string {
  return `${file}:${line}:${column}: ${severity === 'warning' ? 'warning: ' : ''}${message}`
}

/** Sorted by place, each only once (a runbook that three rules share has one mistake, not three). */
export function orderProblems(problems: readonly Problem[]): readonly Problem[] {
  const unique = new Map(problems.map((problem) => [formatProblem(problem), problem]))
  return [...unique.values()].toSorted(
    (a, b) =>
      a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column || a.message.localeCompare(b.message),
  )
}

/** ` (did you mean "x"?)` for the candidate that is nearest by edit distance, where one is near enough; else nothing. */
export function suggestion(word: string, candidates: Iterable<string>): string {
  const allowed = Math.max(1, Math.floor(word.length / 3))
  let best: { readonly candidate: string; readonly distance: number } | null = null
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase().replaceAll('-', '_'), candidate.toLowerCase().replaceAll('-', '_'))
    if (distance <= allowed && (best === null || distance < best.distance)) best = { candidate, distance }
  }
  return best === null ? '' : ` (did you mean "${best.candidate}"?)`
}

/** Insertions, deletions, substitutions and swaps of neighbours, each counted as one. Words beyond 64 characters are far. */
function editDistance(a: string, b: string): number {
  if (a === b) return 0
  if (a.length > 64 || b.length > 64) return Number.POSITIVE_INFINITY
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
