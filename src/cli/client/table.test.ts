import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import { paintFor, plain } from '../terminal.ts'
import { type Column, cut, table } from './table.ts'
import { wrap } from './wrap.ts'

interface Row {
  readonly id: number
  readonly name: string
  readonly why: string
}
const columns: readonly Column<Row>[] = [
  { head: 'ID', cell: ({ id }) => String(id) },
  { head: 'NAME', cell: ({ name }) => name, least: 6 },
  { head: 'WHY', cell: ({ why }) => why, least: 8, drop: 1 },
]
const rows: readonly Row[] = [
  { id: 1, name: 'orders/broker/1', why: 'the unit did not stay up' },
  { id: 22, name: 'orders/broker/22', why: '' },
]

describe('a table', () => {
  it('is as wide as its cells where nothing limits it', () => {
    expect(table(columns, rows, { columns: null, paint: plain })).toEqual([
      'ID  NAME              WHY',
      '1   orders/broker/1   the unit did not stay up',
      '22  orders/broker/22',
    ])
  })

  it('fits every width: the widest column gives way first, then what can be missed is left out', () => {
    expect(table(columns, rows, { columns: 40, paint: plain })).toEqual([
      'ID  NAME              WHY',
      '1   orders/broker/1   the unit did not…',
      '22  orders/broker/22',
    ])
    for (let width = 10; width < 60; width += 1) {
      const lines = table(columns, rows, { columns: width, paint: plain })
      for (const line of lines) expect([width, line, stringWidth(line) <= width]).toEqual([width, line, true])
      expect([width, lines[0]?.includes('WHY')]).toEqual([width, width >= 20])
    }
  })

  it('keeps its columns beside characters of two cells, and shows nothing that a terminal obeys', () => {
    const wide = [{ id: 1, name: '注文/ブローカー', why: 'a\u001b[2J\u202eb' }]
    expect(table(columns, wide, { columns: null, paint: plain })[1]).toBe('1   注文/ブローカー  a\ufffdb')
    const [, line = ''] = table(columns, wide, { columns: 22, paint: plain })
    expect(stringWidth(line)).toBeLessThanOrEqual(22)
  })

  it('is painted without harm to its columns', () => {
    const paint = paintFor({ isTTY: true }, {})
    const painted = table([{ ...columns[1], colour: () => 'red' } as Column<Row>, ...columns.slice(2)], rows, {
      columns: null,
      paint,
    })
    expect(painted[1]).toBe('\u001b[31morders/broker/1 \u001b[39m  the unit did not stay up')
  })
})

it('a text is cut between characters as people count them', () => {
  expect([cut('abc', 3), cut('abcd', 3), cut('👩‍🚒👩‍🚒', 3)]).toEqual(['abc', 'ab…', '👩‍🚒…'])
})

describe('wrapped text', () => {
  it('breaks between words, further lines indented; a word that is too long stays whole', () => {
    expect(wrap('  one two three', 9, 4)).toEqual(['  one two', '    three'])
    expect(wrap('one averyveryverylongword', 10, 2)).toEqual(['one', '  averyveryverylongword'])
    expect(wrap('one two three', null)).toEqual(['one two three'])
  })

  it('stays within any width that its words allow', () => {
    const text = 'the quick brown fox jumps over the lazy dog again and again'
    for (let width = 10; width < 70; width += 1) {
      const lines = wrap(text, width, 3)
      expect(lines.every((line) => line.length <= width)).toBe(true)
      expect(lines.map((line) => line.trim()).join(' ')).toBe(text)
    }
  })
})
