import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { Secret } from './secret.ts'

it('a secret shows itself to nobody who does not ask for it', () => {
  const secret = new Secret('hunter2')

  const shown = [String(secret), JSON.stringify({ secret }), inspect(secret), inspect({ a: [secret] }, { depth: 9 })]

  for (const text of shown) expect(text).not.toContain('hunter2')
  expect(Object.keys(secret)).toEqual([])
  expect(secret.reveal()).toBe('hunter2')
})
