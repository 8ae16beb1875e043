import stringWidth from 'string-width'
import { type Colour, type Paint, printable } from '../terminal.ts'

export interface Column<T> {
  readonly head: string
  readonly cell: (row: T) => string
  readonly colour?: (row: T) => Colour | null
  /** May be cut down to so many cells of the terminal. */
  readonly least?: number
  /** Left out when all that may be cut is cut and it still does not fit; the highest number first. */
  readonly drop?: number
}

const GAP = 2

/** Rows under their heads, cut to `columns` cells of the terminal; null leaves everything whole. Shows nothing that a terminal obeys. */
export function table<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  { columns: width, paint }: { readonly columns: number | null; readonly paint: Paint },
): readonly string[] {
  const all = columns.map((column) => {
    const cells = rows.map((row) => printable(column.cell(row)))
    return { column, cells, width: Math.max(...[column.head, ...cells].map((text) => stringWidth(text))) }
  })
  const fitting = width === null ? all : fit(all, width)
  const line = (texts: readonly string[]): string => texts.join(' '.repeat(GAP)).trimEnd()
  const head = line(fitting.map(({ column, width }) => padded(column.head, width)))
  const body = rows.map((row, index) =>
    line(
      fitting.map(({ column, cells, width }) => {
        const text = padded(cells[index] ?? '', width)
        const colour = column.colour?.(row) ?? null
        return colour === null ? text : paint(colour, text)
      }),
    ),
  )
  return [paint('bold', head), ...body]
}

interface Measured {
  readonly column: Pick<Column<never>, 'least' | 'drop'>
  readonly width: number
}

function fit<T extends Measured>(all: readonly T[], width: number): readonly T[] {
  let widths = all.map((each) => each.width)
  const over = (): number => widths.reduce((sum, each) => sum + each, GAP * (all.length - 1)) - width
  // The widest gives way first, so that no column vanishes beside one that has room.
  while (over() > 0) {
    const spare = all.map(({ column }, index) => (widths[index] ?? 0) - (column.least ?? Number.POSITIVE_INFINITY))
    const widest = widths.reduce(
      (best, each, index) => ((spare[index] ?? 0) > 0 && each > (widths[best] ?? 0) ? index : best),
      spare.findIndex((each) => each > 0),
    )
    if (widest < 0) break
    widths = widths.map((each, index) => (index === widest ? each - 1 : each))
  }
  const dropped = all.reduce<T | null>(
    (worst, each) => ((each.column.drop ?? 0) > (worst?.column.drop ?? 0) ? each : worst),
    null,
  )
  if (over() > 0 && dropped !== null)
    return fit(
      all.filter((each) => each !== dropped),
      width,
    )
  return all.map((each, index) => ({ ...each, width: widths[index] ?? each.width }))
}

function padded(text: string, width: number): string {
  const shown = cut(text, width)
  return shown + ' '.repeat(Math.max(0, width - stringWidth(shown)))
}

/** At most `width` cells of the terminal, with an ellipsis for the rest. */
export function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let kept = ''
  let used = 0
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += stringWidth(segment)
    if (used > width - 1) break
    kept += segment
  }
  return `${kept.trimEnd()}…`
}
