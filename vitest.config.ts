import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/** Acceptance tests without brokers of their own wait more than they compute: two of them run side by side. */
const BROKERLESS = /support\/small-lab\.ts|parts: \['ssh', 'mail'\]|from '\.\.\/torture\//

const brokerless = globSync('test/acceptance/*.test.ts', { cwd: import.meta.dirname }).filter((file) =>
  BROKERLESS.test(readFileSync(join(import.meta.dirname, file), 'utf8')),
)

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 180_000,
    env: { NODE_ENV: 'test' },
    projects: [
      {
        extends: true,
        test: {
          name: 'units',
          include: ['src/**/*.test.ts', 'test/shipped/**/*.test.ts', 'test/lab/**/*.test.ts', 'scripts/**/*.test.ts'],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'brokerless', include: brokerless, maxWorkers: 2, sequence: { groupOrder: 1 } },
      },
      {
        // Real brokers on two cores, and one file in /etc that holds the whole machine (S-2.4): one after another.
        extends: true,
        test: {
          name: 'acceptance',
          include: ['test/acceptance/**/*.test.ts'],
          exclude: brokerless,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
