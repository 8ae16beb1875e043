import { describe, expect, it } from 'vitest'
import { present } from './present.ts'

describe('present', () => {
  it('turns every time into text and leaves other numbers, and what people wrote, alone', () => {
    expect(
      present({
        id: 7,
        openedAt: 0,
        closedAt: null,
        withinMs: 1_000,
        list: [{ at: 1_000, until: 2_000, since: 3_000, notBefore: null, params: { at: 5, waitUntil: 6 } }],
        labels: { at: 'x' },
      }),
    ).toEqual({
      id: 7,
      openedAt: '1970-01-01T00:00:00.000Z',
      closedAt: null,
      withinMs: 1_000,
      list: [
        {
          at: '1970-01-01T00:00:01.000Z',
          until: '1970-01-01T00:00:02.000Z',
          since: '1970-01-01T00:00:03.000Z',
          notBefore: null,
          params: { at: 5, waitUntil: 6 },
        },
      ],
      labels: { at: 'x' },
    })
  })

  it('never throws on a time that no date can show', () => {
    expect(present({ startsAt: 1e20 })).toEqual({ startsAt: null })
  })
})
