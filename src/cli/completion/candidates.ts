import type { Argument, Command, Option } from 'commander'
import { assertNever } from '../../never.ts'
import { commandsOf, optionsOf, positionOf, takesValue } from './position.ts'

export interface Candidate {
  readonly value: string
  readonly says: string
}

/** What only a running service knows. */
export const KNOWN = ['incident', 'silence', 'scope', 'rule', 'cluster', 'target'] as const
export type Known = (typeof KNOWN)[number]

export interface Completion {
  /** They begin with what is typed. */
  readonly candidates: readonly Candidate[]
  /** Files go here as well. */
  readonly files: boolean
  /** Something of a running service goes here. */
  readonly known: Known | null
  /** What is typed already and stands before each of what is known, e.g. `--rule=`. */
  readonly before: string
}

const NOTHING: Completion = { candidates: [], files: false, known: null, before: '' }

/** Placeholders as the help shows them: `<file>`, `[paths...]`. */
const FILES = /^(?:files?|paths?|folder|dir|config|.*\.json)$/

/** What could stand where the cursor is, from the commands' own descriptions. */
export function complete(program: Command, words: readonly string[]): Completion {
  const typed = words.at(-1) ?? ''
  const at = positionOf(program, words)
  switch (at.kind) {
    case 'nothing':
      return NOTHING
    case 'option':
      return starting(typed, optionCandidates(at.of, at.used))
    case 'value':
      return ofPlace(typed, at.before, placeOf(at.option), at.option.argChoices)
    case 'argument':
      return ofPlace(typed, '', at.argument.name(), at.argument.argChoices)
    case 'command': {
      const names = commandsOf(at.of).map((command) => ({
        value: command.name(),
        says: command.summary() || command.description(),
      }))
      const { candidates } = starting(typed, names)
      const rest = at.argument === null ? NOTHING : ofPlace(typed, '', at.argument.name(), at.argument.argChoices)
      return { ...rest, candidates: [...candidates, ...rest.candidates] }
    }
    default:
      return assertNever(at, 'position')
  }
}

function optionCandidates(of: Command, used: ReadonlySet<string>): readonly Candidate[] {
  return optionsOf(of).flatMap(({ long, description }) =>
    long == null || used.has(long) ? [] : [{ value: long, says: description }],
  )
}

/** The name in `<…>` or `[…]` of an option's flags. */
function placeOf(option: Option): string {
  return takesValue(option) ? (/[<[]([^\]>]+)[\]>]/.exec(option.flags)?.[1]?.replace(/\.\.\.$/, '') ?? '') : ''
}

function ofPlace(typed: string, before: string, place: string, choices: Argument['argChoices']): Completion {
  if (choices !== undefined) {
    // Several may be separated by commas.
    const given = before + typed.slice(before.length).replace(/[^,]*$/, '')
    return starting(
      typed,
      choices.map((choice) => ({ value: given + choice, says: '' })),
    )
  }
  const known = KNOWN.find((one) => one === place) ?? null
  return { candidates: [], files: FILES.test(place), known, before }
}

function starting(typed: string, candidates: readonly Candidate[]): Completion {
  return { ...NOTHING, candidates: candidates.filter(({ value }) => value.startsWith(typed)) }
}
