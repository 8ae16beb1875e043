/** One line of what `npm run bench` prints. */
export interface Row {
  readonly name: string
  /** Null: it could not be measured here; `how` says why. */
  readonly figure: number | null
  readonly unit: string
  /** What is wanted, as text; null where nothing is. */
  readonly goal: string | null
  /** Null where there is no goal, or no figure. */
  readonly met: boolean | null
  /** How it was obtained. */
  readonly how: string
}

/** A figure that shall be at most (`<`) or at least (`≥`) some number of its own unit. */
export function against(row: Pick<Row, 'name' | 'figure' | 'unit' | 'how'>, sign: '<' | '≥' | '=', goal: number): Row {
  const { figure } = row
  const holds = { '<': (f: number) => f < goal, '≥': (f: number) => f >= goal, '=': (f: number) => f === goal }[sign]
  return { ...row, goal: `${sign} ${goal.toLocaleString('en')}`, met: figure === null ? null : holds(figure) }
}

/** A figure to be read beside the others. */
export function aside(row: Pick<Row, 'name' | 'figure' | 'unit' | 'how'>): Row {
  return { ...row, goal: null, met: null }
}
