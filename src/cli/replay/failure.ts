import { BadRecordError } from '../../replay/record-file.ts'
import { OtherSchemaError } from '../../store/recorded.ts'
import { StoreUnavailableError } from '../../store/store.ts'
import { ClientError } from '../client/error.ts'
import { printable } from '../terminal.ts'

/** Does the work; what a person can mend is said on standard error and sets the exit code. */
export async function orSay(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const message = sentence(error)
    if (message === null) throw error
    console.error(message.split('\n').map(printable).join('\n'))
    process.exitCode = error instanceof ClientError ? error.exitCode : 1
  }
}

function sentence(error: unknown): string | null {
  if (error instanceof StoreUnavailableError) {
    const why = error.cause instanceof Error ? error.cause.message : error.message
    return `the database cannot be read: ${why}`
  }
  const known =
    error instanceof ClientError ||
    error instanceof BadRecordError ||
    error instanceof OtherSchemaError ||
    (error instanceof Error && 'syscall' in error)
  return known ? error.message : null
}
