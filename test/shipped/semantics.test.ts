import { expect, test } from 'vitest'
import { semanticsCoverage } from '../../scripts/docs/coverage.ts'
import { repository } from '../lab/state.ts'

const { sentences, astray } = semanticsCoverage(repository)

test('every sentence of the semantics is named by a test', () => {
  expect(sentences.length).toBeGreaterThanOrEqual(47)
  const bare = sentences.filter(({ tests }) => tests.length === 0)
  expect(bare.map(({ id, text }) => `S-${id} ${text.slice(0, 60)}`)).toEqual([])
})

test('tests name no sentence that is not there', () => {
  expect(astray.map(({ id, file, title }) => `S-${id}: ${file}: ${title}`)).toEqual([])
})
