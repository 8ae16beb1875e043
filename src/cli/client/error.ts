/** It cannot be done or asked; the message says what, where, and what to do about it. */
export class ClientError extends Error {
  override name = 'ClientError'
  /** 1: it failed or could not be asked. 2: wrong usage, nothing was asked. */
  readonly exitCode: 1 | 2

  constructor(lines: readonly string[], exitCode: 1 | 2 = 1) {
    super(lines.join('\n'))
    this.exitCode = exitCode
  }
}

export function wrongUsage(...lines: readonly string[]): ClientError {
  return new ClientError(lines, 2)
}
