import type { Target } from '../inventory/inventory.ts'
import type { Values } from './action.ts'

/**
 * `${labels.x}`, `${target.x}`, `${incident.x}` as the whole of an argument, never as a part of one: what a label holds
 * stays one word, and can become neither an option, nor code, nor the name of a program.
 */
const REFERENCE = /^\$\{(labels|target|incident)\.([A-Za-z_][A-Za-z0-9_]*)\}$/

/** What `target.…` and `incident.…` may name; a label may have any name. */
const TARGET_NAMES = ['key', 'kind', 'cluster', 'name', 'host', 'unit'] as const
const INCIDENT_NAMES = ['id', 'rule', 'attempt'] as const

const LONGEST_VALUE = 4096

/** The target's own values. */
export function targetValues(target: Target): Readonly<Record<string, string>> {
  const { key, kind, cluster, name, host, unit } = target
  return { key, kind, cluster, name, host, unit: unit.name } satisfies Record<(typeof TARGET_NAMES)[number], string>
}

export interface InterpolationProblem {
  /** Where in the parameters, e.g. `['argv', 2]`. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

/**
 * What is wrong with references in an action's or a probe's parameters, at load. `argv` is the only place for them; everything
 * else that holds `${` is refused rather than passed on as text.
 * @param spaces what may be named there: a probe knows its target and nothing of alerts or incidents.
 */
export function interpolationProblems(
  params: unknown,
  spaces: readonly (keyof Values)[] = ['labels', 'target', 'incident'],
): readonly InterpolationProblem[] {
  return problemsIn(params, [], spaces)
}

type Path = readonly (string | number)[]

function problemsIn(value: unknown, path: Path, spaces: readonly string[]): readonly InterpolationProblem[] {
  if (typeof value === 'string') {
    if (!value.includes('${')) return []
    return [{ path, message: `only whole elements of argv may be references; this would be taken as text: ${value}` }]
  }
  if (Array.isArray(value)) {
    return path.length === 1 && path[0] === 'argv'
      ? argvProblems(value, spaces)
      : value.flatMap((each, i) => problemsIn(each, [...path, i], spaces))
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, each]) => problemsIn(each, [...path, name], spaces))
}

/** Options after which a program takes its next argument as code. */
const TAKES_CODE = /^(-[A-Za-z]*[ce]|--(command|eval|exec|expression))$/
/** Programs that join their arguments into a command line for a shell. */
const JOINS_FOR_A_SHELL: ReadonlySet<string> = new Set(['ssh', 'eval', 'watch'])

function argvProblems(argv: readonly unknown[], spaces: readonly string[]): readonly InterpolationProblem[] {
  const program = typeof argv[0] === 'string' ? (argv[0].split('/').at(-1) ?? '') : ''
  return argv.flatMap((element, index) => {
    if (typeof element !== 'string' || !element.includes('${')) return []
    const message = referenceProblem(element, index, argv[index - 1], program, spaces)
    return message === null ? [] : [{ path: ['argv', index], message }]
  })
}

function referenceProblem(
  element: string,
  index: number,
  before: unknown,
  program: string,
  spaces: readonly string[],
): string | null {
  const [, space, name = ''] = REFERENCE.exec(element) ?? []
  if (space === undefined) {
    return `a reference must be the whole element: \${labels.x}, \${target.x} or \${incident.x}, not ${element}`
  }
  if (!spaces.includes(space)) return `${space} is not known here, only ${spaces.join(', ')}`
  if (index === 0) return 'the program itself must be written out'
  if (typeof before === 'string' && TAKES_CODE.test(before))
    return `the argument of ${before} is code, so it must be written out`
  if (JOINS_FOR_A_SHELL.has(program)) return `${program} hands its arguments to a shell, so they must be written out`
  const names: readonly string[] = space === 'target' ? TARGET_NAMES : INCIDENT_NAMES
  if (space !== 'labels' && !names.includes(name)) return `${space} has no ${name}; it has ${names.join(', ')}`
  return null
}

export type Interpolated =
  | { readonly argv: readonly string[] }
  /** A value is missing, or cannot be an argument. Nothing may be run. */
  | { readonly problem: string }

/** argv with its references replaced, each by one whole word. */
export function interpolate(argv: readonly string[], values: Values): Interpolated {
  const words: string[] = []
  let optionsEnded = false
  for (const [index, element] of argv.entries()) {
    const [, space, name = ''] = REFERENCE.exec(element) ?? []
    if (element.includes('${') && (space === undefined || index === 0))
      return { problem: `${element} is no whole reference` }
    if (space === undefined) {
      words.push(element)
      optionsEnded ||= element === '--'
      continue
    }
    const known = values[space as keyof Values]
    const value = Object.hasOwn(known, name) ? known[name] : undefined
    const problem = valueProblem(value, optionsEnded)
    if (value === undefined || problem !== null) return { problem: `${space}.${name} ${problem}` }
    words.push(value)
  }
  return { argv: words }
}

/** Labels are untrusted: what would be read as an option, or could forge a line of output, is no argument. */
function valueProblem(value: string | undefined, optionsEnded: boolean): string | null {
  if (value === undefined) return 'is missing'
  if (value === '') return 'is empty'
  if (value.length > LONGEST_VALUE) return `is longer than ${LONGEST_VALUE} characters`
  if (/\p{Cc}/u.test(value)) return 'holds a control character'
  if (value.startsWith('-') && !optionsEnded)
    return 'begins like an option (put a literal -- before it if the program knows that)'
  return null
}
