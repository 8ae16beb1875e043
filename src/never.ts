/** The end of a `switch` over everything that `value` can be: it compiles only while every case is there. */
export function assertNever(value: never, what: string): never {
  throw new Error(`no such ${what}: ${JSON.stringify(value)}`)
}
