import stringWidth from 'string-width'

/** Plain text in lines of at most `columns` cells, all but the first led by `indent` blanks; null leaves it whole. */
export function wrap(text: string, columns: number | null, indent = 0): readonly string[] {
  if (columns === null || stringWidth(text) <= columns) return [text]
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/(?<=\S)(?= )/)) {
    if (line !== '' && stringWidth(line + word) > columns) {
      lines.push(line)
      line = ' '.repeat(indent) + word.trimStart()
    } else line += word
  }
  return [...lines, line]
}
