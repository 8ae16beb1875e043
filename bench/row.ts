/** One line of what `npm run bench` prints. */
export interface Row {
  readonly name: string
  /** What was measured, with its unit. */
  readonly measured: string
  /** Against the baseline of the same run; null where there is none. */
  readonly ratio: number | null
  /** The least (or most) that is wanted, as text; null where nothing is. */
  readonly goal: string | null
  /** How it was obtained. */
  readonly how: string
}
