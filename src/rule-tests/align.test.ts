import { array, assert, constantFrom, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { align, pairUp } from './align.ts'

const same = (a: string, b: string): boolean => a === b

/** `ab` against `b` as `-a =b`. */
function shown(expected: string, got: string): string {
  return align(expected.split(''), got.split(''), same)
    .map((one) => {
      if (one.got === null) return `-${expected[one.expected]}`
      return one.expected === null ? `+${got[one.got]}` : `=${got[one.got]}`
    })
    .join(' ')
}

describe('align', () => {
  it.each([
    ['', '', ''],
    ['ab', 'ab', '=a =b'],
    ['ab', '', '-a -b'],
    ['', 'ab', '+a +b'],
    ['abc', 'ac', '=a -b =c'],
    ['ac', 'abc', '=a +b =c'],
    ['axc', 'ayc', '=a -x +y =c'],
    ['ab', 'ba', '-a =b +a'],
  ])('of %j and %j', (expected, got, lines) => {
    expect(shown(expected, got)).toBe(lines)
  })

  it('keeps both lists in their order and whole', () => {
    const letters = array(constantFrom('a', 'b', 'c'), { maxLength: 12 })
    assert(
      property(letters, letters, (expected, got) => {
        const aligned = align(expected, got, same)
        expect(aligned.flatMap((one) => one.expected ?? [])).toEqual([...expected.keys()])
        expect(aligned.flatMap((one) => one.got ?? [])).toEqual([...got.keys()])
      }),
    )
  })
})

describe('pairUp', () => {
  const likeness = (a: string, b: string): number => (a[0] === b[0] ? 1 : 0)
  const startsWith = (a: string, b: string): boolean => b.startsWith(a)

  it('finds a partner for each where there is a way, whatever the order', () => {
    // The first could take either; only one of them is left for the second.
    expect(pairUp(['a', 'ab'], ['ab', 'ac'], startsWith, likeness)).toEqual([1, 0])
  })

  it('gives those that fit nothing the most alike of the rest', () => {
    expect(pairUp(['ax', 'b'], ['b', 'ay', 'c'], same, likeness)).toEqual([1, 0])
    expect(pairUp(['x'], ['y'], same, likeness)).toEqual([null])
  })
})
