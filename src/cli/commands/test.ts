import { type Command, InvalidArgumentError } from 'commander'
import type { TestOptions } from '../test.ts'
import { addHelpEnd } from './help.ts'

export function addTest(program: Command): void {
  const command = program
    .command('test')
    .summary('unit tests of rules over simulated time')
    .description('unit tests of rules: alerts over simulated time, a world of facts, and what is expected of the rules')
    .argument('[files...]', 'files and folders of tests; by default *.test.yml beside the rules of the configuration')
    .option('-c, --config <file>', 'configuration, also instead of the one that a file of tests names')
    .option('--run <regex>', 'only tests in whose name this RE2 pattern is found')
    .option('--coverage', 'print which rules, guards and rungs no test touches')
    .option(
      '--coverage-min <percent>',
      'fail when less of the rules, of the guards or of the rungs is touched',
      percent,
    )
    .option('--trace', 'print what happened in every test, not only the end of it in those that failed')
    .option('--junit <file>', 'write a report for CI as JUnit XML')
    .option('--json', 'for programs')
    .action(async (files: readonly string[], options: TestOptions) => (await import('../test.ts')).test(files, options))
  addHelpEnd(command, {
    examples: [
      ['test', 'test the rules of config.yml'],
      ['test rules/kafka.test.yml --run "hung"', 'some of the tests of one file'],
      ['test --coverage-min 100 --junit results.xml', 'as CI does'],
    ],
    exitCodes: {
      0: 'all tests have passed',
      1: 'a test has failed, tests nothing, or too little is covered',
      2: 'there was nothing to test, a file could not be loaded, or wrong usage',
    },
  })
}

function percent(text: string): number {
  if (!/^(?:100|[1-9]?\d)$/.test(text)) throw new InvalidArgumentError('expected a whole number from 0 to 100')
  return Number(text)
}
