import { stripVTControlCharacters } from 'node:util'

// Control characters, what turns the reading direction around, and what cannot be seen: none of it is needed to name a
// broker, and each of it has been used to make a line read as something else.
const UNSEEN = /[\p{Cc}\p{Cs}\u00ad\u061c\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\uffff]/gu

/** Cuts to at most `max` characters as people count them, with an ellipsis for the rest. */
export function cut(text: string, max: number): string {
  // Code points beyond what can matter are dropped first: a value of megabytes is not segmented.
  const head = text.slice(0, max * 8).toWellFormed()
  const characters: string[] = []
  for (const { segment } of new Intl.Segmenter().segment(head)) {
    if (characters.length === max) return `${characters.slice(0, max - 1).join('')}…`
    characters.push(segment)
  }
  return head.length < text.length ? `${characters.slice(0, max - 1).join('')}…` : characters.join('')
}

/** Text from outside as one line: no line breaks, no control or invisible characters, runs of spaces collapsed. */
export function line(text: string, max: number): string {
  const bounded = text.slice(0, max * 16)
  const flat = stripVTControlCharacters(bounded).replace(/\s+/g, ' ').replace(UNSEEN, ' ').replace(/ {2,}/g, ' ').trim()
  return cut(bounded.length < text.length ? `${flat}…` : flat, max)
}

/** Printed text with its line breaks: the last `lines` lines, each at most `width` characters. */
export function tail(text: string, lines: number, width: number): string {
  const last = stripVTControlCharacters(text.slice(-lines * width * 4))
    .split(/\r\n|\r|\n/)
    .map((one) => one.replace(/\t/g, '    ').replace(UNSEEN, ' ').trimEnd())
  while (last.length > 0 && last.at(-1) === '') last.pop()
  return last
    .slice(-lines)
    .map((one) => cut(one, width))
    .join('\n')
}
