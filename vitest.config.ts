import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'alerts/**/*.test.ts'],
    exclude: ['node_modules/**', '.lab/**'],
    testTimeout: 60_000,
    hookTimeout: 180_000,
    // Real brokers, real mail servers, real commands on two cores: files of one kind run one after another.
    maxWorkers: 2,
    env: { NODE_ENV: 'test' },
  },
})
