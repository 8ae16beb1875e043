import { describe, expect, it } from 'vitest'
import { csv } from './csv.ts'

describe('csv', () => {
  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '"=1', '\uff1d1'])(
    'makes %j text for a spreadsheet',
    (text) => {
      const [, row = ''] = csv(['a'], [{ a: text }]).split(/\r\n/)

      expect(row.replace(/^"/, '').startsWith("'")).toBe(true)
    },
  )

  it('quotes commas, quotes and line breaks, and leaves numbers alone', () => {
    expect(csv(['a', 'b', 'c', 'd'], [{ a: 'x,y', b: 'say "hi"', c: 'two\nlines', d: -3 }])).toBe(
      'a,b,c,d\r\n"x,y","say ""hi""","two\nlines",-3\r\n',
    )
  })

  it('leaves what is not there empty', () => {
    expect(csv(['a', 'b'], [{ a: null }])).toBe('a,b\r\n,\r\n')
  })
})
