import type { Command } from 'commander'

export interface HelpEnd {
  /** Without `kafka-healing`, each with what it is for. */
  readonly examples: readonly (readonly [args: string, what: string])[]
  /** What an exit code says here, where that is more than the table that all commands share. */
  readonly exitCodes?: Readonly<Record<number, string>>
}

/** Of every command. What a command answers otherwise (its check found something, it would not act) has codes from 1 or 3 on. */
const EXIT_CODES: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'it failed, or could not be asked',
  2: 'wrong usage: nothing was done',
}

/** Of every decision about an incident or a scope. */
export const CHANGED_NOTHING = { 1: 'it failed, could not be asked, or changed nothing: the message says why' } as const

/** The end of every command's help: examples, then exit codes. */
export function addHelpEnd(command: Command, { examples, exitCodes = {} }: HelpEnd): Command {
  const lines = [
    '',
    'Examples:',
    ...examples.flatMap(([args, what]) => [`  # ${what}`, `  kafka-healing ${args}`.trimEnd()]),
    '',
    'Exit codes:',
    ...Object.entries({ ...EXIT_CODES, ...exitCodes }).map(([code, says]) => `  ${code}  ${says}`),
  ]
  return command.addHelpText('after', lines.join('\n'))
}
