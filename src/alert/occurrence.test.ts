import { expect, test } from 'vitest'
import type { AlertStatus } from './alert.ts'
import { changeOf, type Known } from './occurrence.ts'

const known = (status: AlertStatus, startsAt: number): Known => ({ status, startsAt })
const said = (status: AlertStatus, startsAt: number, endsAt: number | null = null) => ({ status, startsAt, endsAt })

test.each([
  ['the first word of it is that it fires', null, said('firing', 10), 'firing'],
  ['S-3.8 a resolved for something unknown is late', null, said('resolved', 10, 20), 'late'],
  ['S-1.5 the same again is a repeat', known('firing', 10), said('firing', 10), 'repeat'],
  ['S-1.1 a startsAt that moves backward is the same occurrence', known('firing', 10), said('firing', 9), 'repeat'],
  ['S-1.1 a startsAt that moves forward is a new occurrence', known('firing', 10), said('firing', 11), 'refired'],
  ['it resolves', known('firing', 10), said('resolved', 10, 20), 'resolved'],
  ['S-1.1 it resolves under an earlier startsAt', known('firing', 10), said('resolved', 5, 20), 'resolved'],
  [
    'it resolves under a later startsAt, the firing of which was lost',
    known('firing', 10),
    said('resolved', 15, 20),
    'resolved',
  ],
  ['S-3.8 the end of an earlier occurrence is late', known('firing', 10), said('resolved', 5, 8), 'late'],
  ['S-3.8 the end of an earlier occurrence without its time is late', known('firing', 10), said('resolved', 5), 'late'],
  ['S-3.8 a firing of what has resolved is late', known('resolved', 10), said('firing', 10), 'late'],
  ['S-3.8 an older firing than what has resolved is late', known('resolved', 10), said('firing', 9), 'late'],
  ['a newer firing than what has resolved is a new occurrence', known('resolved', 10), said('firing', 11), 'refired'],
  ['a resolved told again is a repeat', known('resolved', 10), said('resolved', 10, 20), 'repeat'],
  ['S-3.8 an older resolved than the known one is late', known('resolved', 10), said('resolved', 9, 20), 'late'],
] as const)('%s', (_promise, previous, incoming, change) => {
  expect(changeOf(previous, incoming)).toBe(change)
})
