import { expect, test } from 'vitest'
import { inTurn } from './in-turn.ts'

test('runs follow one another, and who asks meanwhile shares one that begins afterwards', async () => {
  const under: PromiseWithResolvers<number>[] = []
  const run = inTurn(() => {
    under.push(Promise.withResolvers<number>())
    return under.at(-1)?.promise ?? Promise.resolve(0)
  })
  const first = run()
  await Promise.resolve()
  expect(under).toHaveLength(1)

  const [second, third] = [run(), run()]
  expect(third).toBe(second)
  await Promise.resolve()
  expect(under).toHaveLength(1)
  under[0]?.resolve(1)
  expect(await first).toBe(1)
  expect(under).toHaveLength(2)

  const fourth = run()
  under[1]?.reject(new Error('broken'))
  await expect(second).rejects.toThrow('broken')
  under[2]?.resolve(4)
  expect(await fourth).toBe(4)
})
