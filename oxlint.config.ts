import { type DummyRule, defineConfig } from 'oxlint'

/**
 * The order of src/, from below: what stands in one row may import the rows above it in this list, and its own row. Folders
 * and files are named as they are under src/, without `.ts`.
 */
const LAYERS: readonly (readonly string[])[] = [
  ['clock', 'duration', 'never', 'object', 'schedule', 'secret', 'version'],
  ['document', 'git'],
  ['alert'],
  ['inventory'],
  ['incident'],
  ['hosts', 'kafka'],
  ['guards', 'probes', 'actions', 'notify'],
  ['config', 'config-database', 'config-schema'],
  ['rules'],
  ['store'],
  ['engine'],
  ['simulation', 'replay'],
  ['rule-tests'],
  ['telemetry'],
  ['http'],
  ['in-force', 'reload', 'watch-files', 'app'],
  ['cli'],
  ['main'],
]

/** Rows whose entries know nothing of each other. */
const APART: ReadonlySet<string> = new Set(['hosts', 'kafka', 'notify'])

/** Folders that decide and do no I/O. */
const PURE: ReadonlySet<string> = new Set(['alert', 'incident'])

/** Who alone may import a package or a part of Node that reaches out of the process. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  execa: ['hosts'],
  'node-ssh': ['hosts'],
  'node:child_process': [],
  kafkajs: ['kafka'],
  'node:net': ['kafka', 'http'],
  'node:tls': ['kafka'],
  'node:http': ['probes', 'http'],
  'node:https': ['probes'],
  nodemailer: ['notify'],
  'better-sqlite3': ['store'],
  kysely: ['store'],
  pg: ['store'],
  fastify: ['http', 'app'],
  'prom-client': ['telemetry'],
  commander: ['cli'],
}

/** Tests may reach further, and so may the promises that every store's tests share. */
const TESTS = ['**/*.test.ts', 'src/store/conformance.ts', 'src/store/conformance/**']

const layers = LAYERS.flatMap((row, index) =>
  row.flatMap((name) => boundaries(name, row, LAYERS.slice(index + 1).flat())),
)

/** What a folder or a file of src/ may not import: all that stands above it, and the doors of others. */
function boundaries(name: string, row: readonly string[], above: readonly string[]) {
  const beside = row.filter((other) => other !== name && (APART.has(name) || APART.has(other)))
  const higher = [...beside, ...above].join('|')
  const closed = Object.keys(DOORS).filter((door) => DOORS[door]?.includes(name) !== true)
  const paths = closed.map((door) => ({ name: door, message: `Open to: ${DOORS[door]?.join(', ') || 'nobody'}.` }))
  const pure = PURE.has(name) ? [{ regex: '^node:', message: `${name} does no I/O.` }] : []
  const restrict = (files: string, toSource: string) => ({
    files: [files],
    excludeFiles: TESTS,
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths,
          patterns: [
            ...pure,
            ...(higher === ''
              ? []
              : [
                  {
                    regex: `^${toSource}(${higher})(\\.ts$|/)`,
                    message: `${name} stands below it: see LAYERS in oxlint.config.ts.`,
                  },
                ]),
          ],
        },
      ] satisfies DummyRule,
    },
  })
  return [restrict(`src/${name}.ts`, '\\./'), restrict(`src/${name}/**`, '(\\.\\./)+')]
}

/** What LAYERS does not name may import nothing of ours, so that nothing new stands outside the order. */
const unplaced = {
  files: ['src/**'],
  excludeFiles: TESTS,
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: [{ regex: '^\\.', message: 'Give this file or folder its place in LAYERS of oxlint.config.ts.' }] },
    ] satisfies DummyRule,
  },
}

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import'],
  jsPlugins: ['./lint/house.ts'],
  categories: { correctness: 'error', suspicious: 'error' },
  ignorePatterns: ['.lab/**', 'node_modules/**'],
  rules: {
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'typescript/no-explicit-any': 'error',
    'import/no-cycle': 'error',
    'house/no-shell': 'error',
    'house/no-current-date': 'error',
    'no-restricted-properties': [
      'error',
      { object: 'Date', property: 'now', message: 'Only src/clock.ts reads the clock.' },
      { object: 'performance', property: 'now', message: 'Only src/clock.ts reads the clock.' },
      {
        object: 'Math',
        property: 'random',
        message: 'Jitter is derived from a key (src/incident/backoff.ts); secrets come from node:crypto.',
      },
    ],
    // Polling, retrying and draining one after another are what most loops here are for.
    'no-await-in-loop': 'off',
    // A short name in a callback may stand for the same thing as outside.
    'no-shadow': 'off',
    // A small function stands beside its one use.
    'unicorn/consistent-function-scoping': 'off',
    // What a schema has checked, and rows whose types kysely cannot infer, are asserted; `any` stays forbidden.
    'typescript/no-unsafe-type-assertion': 'off',
  },
  overrides: [
    unplaced,
    ...layers,
    {
      files: ['src/clock.ts', '**/*.test.ts', 'test/**', 'bench/**'],
      rules: { 'no-restricted-properties': 'off', 'house/no-current-date': 'off' },
    },
  ],
})
