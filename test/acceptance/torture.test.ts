import { expect, it } from 'vitest'
import { torture } from '../torture/torture.ts'

it('killed at random points, it loses no alert and no mail and runs no step twice (S-4.4, S-4.2, S-6.3)', async () => {
  const seed = Number(process.env['TORTURE_SEED'] ?? 20261121)
  const result = await torture({ rounds: Number(process.env['TORTURE_ROUNDS'] ?? 32), seed })
  expect(result.broken, JSON.stringify(result)).toEqual([])
  expect(result.kills).toBeGreaterThanOrEqual(30)
  expect(result.interrupted, 'no kill hit an attempt: the test shows nothing').toBeGreaterThan(0)
  expect(result.begun).toBeGreaterThan(0)
}, 900_000)
