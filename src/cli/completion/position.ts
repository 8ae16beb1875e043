import type { Argument, Command, Option } from 'commander'

/** What stands where the cursor is, by the commands that there are. */
export type Position =
  | { readonly kind: 'command'; readonly of: Command; readonly argument: Argument | null }
  | { readonly kind: 'argument'; readonly of: Command; readonly argument: Argument }
  | { readonly kind: 'option'; readonly of: Command; readonly used: ReadonlySet<string> }
  /** `before` is what of the word is no part of the value, e.g. `--state=`. */
  | { readonly kind: 'value'; readonly option: Option; readonly before: string }
  | { readonly kind: 'nothing' }

/** Reads the words after the program's name; the last one is being typed, and empty when it has not begun. */
export function positionOf(program: Command, words: readonly string[]): Position {
  const typed = words.at(-1) ?? ''
  const used = new Set<string>()
  let of = program
  let given = 0
  let awaits: Option | null = null
  let onlyArguments = false
  for (const word of words.slice(0, -1)) {
    if (awaits !== null) {
      awaits = null
      continue
    }
    if (!onlyArguments && word === '--') onlyArguments = true
    else if (!onlyArguments && word.startsWith('-')) {
      const option = optionOf(of, word)
      if (option !== null) used.add(option.long ?? '')
      awaits = option !== null && option.required && !word.includes('=') ? option : null
    } else {
      const next = given === 0 ? commandsOf(of).find((each) => each.name() === word) : undefined
      if (next === undefined) given += 1
      else of = next
    }
  }
  if (awaits !== null) return { kind: 'value', option: awaits, before: '' }
  if (!onlyArguments && typed.startsWith('-')) {
    const option = typed.includes('=') ? optionOf(of, typed) : null
    if (option !== null && takesValue(option))
      return { kind: 'value', option, before: typed.slice(0, typed.indexOf('=') + 1) }
    return { kind: 'option', of, used }
  }
  const argument = of.registeredArguments[given] ?? variadic(of)
  if (given === 0 && commandsOf(of).length > 0) return { kind: 'command', of, argument }
  return argument === null ? { kind: 'nothing' } : { kind: 'argument', of, argument }
}

/** Those that the help shows. */
export function commandsOf(command: Command): readonly Command[] {
  return command.createHelp().visibleCommands(command)
}

export function optionsOf(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command)
}

export function takesValue({ required, optional }: Option): boolean {
  return required || optional
}

function optionOf(command: Command, word: string): Option | null {
  const [name = ''] = word.split('=')
  return optionsOf(command).find(({ long, short }) => name === long || name === short) ?? null
}

function variadic(command: Command): Argument | null {
  const last = command.registeredArguments.at(-1)
  return last?.variadic === true ? last : null
}
