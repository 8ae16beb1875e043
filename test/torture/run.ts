import { parseArgs } from 'node:util'
import { torture } from './torture.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' } },
})
const began = performance.now()
const result = await torture({ rounds: Number(values.rounds), seed: Number(values.seed), log: console.error })
console.log(JSON.stringify({ ...result, seconds: Math.round((performance.now() - began) / 1000) }, null, 2))
process.exitCode = result.broken.length === 0 ? 0 : 1
