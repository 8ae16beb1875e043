import { stripVTControlCharacters } from 'node:util'

export type Colour = 'green' | 'yellow' | 'red' | 'bold' | 'dim'

/** Paints a word. */
export type Paint = (colour: Colour, text: string) => string

const CODES: Readonly<Record<Colour, readonly [number, number]>> = {
  green: [32, 39],
  yellow: [33, 39],
  red: [31, 39],
  bold: [1, 22],
  dim: [2, 22],
}

export const plain: Paint = (_colour, text) => text

/** Colours only for a person at a terminal who has not asked for none (https://no-color.org). */
export function paintFor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  const wanted = stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
  return wanted ? (colour, text) => `\u001b[${CODES[colour][0]}m${text}\u001b[${CODES[colour][1]}m` : plain
}

/** Text from outside that a terminal only shows: without control characters, escape sequences and what turns the reading direction. */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (one) =>
    one === '\n' || one === '\t' ? ' ' : '\ufffd',
  )
}

/** argv as one would type it, for people to read; nothing ever runs this text. */
export function shown(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}
