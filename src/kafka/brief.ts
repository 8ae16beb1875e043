/** Refusals of controllers carry a dump of the request; what counts stands at the beginning. */
const LONGEST = 200

/** An error as a short line. */
export function brief(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).trim().split('\n')
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line
}
