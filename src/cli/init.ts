import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pino } from 'pino'
import { systemClock } from '../clock.ts'
import { formatProblem } from '../document/problem.ts'
import { openHosts } from '../hosts/hosts.ts'
import type { HostPort } from '../inventory/inventory.ts'
import type { KafkaSecurity } from '../kafka/connection.ts'
import { diagnoseListener } from '../kafka/diagnose-listener.ts'
import { type ClusterSurvey, surveyCluster } from '../kafka/survey.ts'
import { loadConfiguration } from '../rules/configuration.ts'
import { granted } from '../rules/granted.ts'
import { doctor } from './doctor.ts'
import { type Answers, KEYS, listenerAnswers, readAnswers, type Told, wrongIn } from './init/answers.ts'
import { type Asker, NotAnsweredError, openAsker } from './init/ask.ts'
import { believable } from './init/believable.ts'
import { exporterWarnings } from './init/exporters.ts'
import { type InitFile, initFiles, RULES } from './init/files.ts'
import { type Found, type HostKeys, sshHosts } from './init/inventory-text.ts'
import { securityFrom, troubleText } from './init/listener.ts'
import { completed } from './init/questions.ts'
import { dryText, type InitReport, reportJson, reportText, seenText } from './init/report.ts'
import { warningsOf } from './init/warnings.ts'
import { inTheWay, kept, writeFiles } from './init/write-files.ts'
import { jsonText } from './json.ts'
import { withProgress } from './progress.ts'
import { paintFor, printable } from './terminal.ts'

/** What was told by options, and how `init` is to behave. */
export type InitOptions = Told & {
  readonly dir: string
  readonly force?: boolean
  readonly dryRun?: boolean
  /** False: nobody is asked, also on a terminal. */
  readonly input: boolean
  readonly json?: boolean
  readonly doctor?: boolean
}

/** Nothing was written; said with the exit code that the help names for it. */
class InitError extends Error {
  override name = 'InitError'
  readonly exitCode: 1 | 2
  constructor(problems: readonly string[], exitCode: 1 | 2) {
    super(problems.join('\n'))
    this.exitCode = exitCode
  }
}

/** Something is left to fill in before the service can start. */
const TO_FILL_IN = 3

/** `kafka-healing init`: a first configuration out of what a live cluster says and a person answers. */
export async function init(options: InitOptions): Promise<void> {
  try {
    await begin(options)
  } catch (error) {
    const known = error instanceof InitError || error instanceof NotAnsweredError
    if (!known) throw error
    console.error(`${error.message.split('\n').map(printable).join('\n')}\nnothing was written`)
    process.exitCode = error instanceof InitError ? error.exitCode : 1
  }
}

async function begin(options: InitOptions): Promise<void> {
  const told: Told = Object.fromEntries(
    KEYS.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]] as const])),
  )
  const folder = resolve(options.dir)
  const person = options.input && options.json !== true && process.stdin.isTTY && process.stderr.isTTY
  // Whoever cannot be asked is told everything at once, before anybody else is asked.
  const early = person ? null : answersFrom(await completed(told, null, null))
  refuse(told.bootstrap === undefined ? ['--bootstrap is missing'] : wrongIn(told), 2)
  refuse(unwritable(folder, told, options), 2)

  const kafka = listenerAnswers(told)
  const security = securityFrom(kafka)
  if ('problems' in security) throw new InitError(security.problems, 2)
  const survey = believable(await surveyed(kafka.bootstrap, security.ok))
  if (options.json !== true) process.stderr.write(seenText(survey, paintFor(process.stderr, process.env)))
  const answers = early ?? answersFrom(await asked(told, survey))

  const found: Found = { survey, hostKeys: await hostKeys(answers, survey) }
  const made = initFiles(answers, found, folder)
  if ('problems' in made) throw new InitError(made.problems, 2)
  const files = made.ok
  if (options.dryRun === true) return printDry(files, folder, options)

  const standing = kept(folder, files)
  const written = files.filter(({ path }) => !standing.includes(path))
  refuse(options.force === true ? [] : inTheWay(folder, files).map((path) => existing(path)), 2)
  write(folder, written, options)
  const report: InitReport = {
    folder,
    written: written.map(({ path }) => path),
    kept: standing,
    hostKeys: found.hostKeys,
    sshPort: answers.sshPort,
    warnings: [...warningsOf(found), ...(await exporterWarnings(answers, survey.brokers))],
    problems: checked(join(folder, 'config.yml')),
  }
  process.stdout.write(
    options.json === true ? reportJson(report) : reportText(report, paintFor(process.stdout, process.env)),
  )
  if (options.doctor === true) await doctor({ config: join(folder, 'config.yml') })
  if (report.problems.some(({ severity }) => severity === 'error')) process.exitCode = TO_FILL_IN
}

function refuse(problems: readonly string[], exitCode: 1 | 2): void {
  if (problems.length > 0) throw new InitError(problems, exitCode)
}

function answersFrom(told: Told): Answers {
  const read = readAnswers(told)
  if ('problems' in read) throw new InitError([...read.problems, '(add --help for what there is)'], 2)
  return read.ok
}

const existing = (path: string): string =>
  `${path} is there already; --force replaces it, --dry-run shows what would be`

/** What is known to be in the way before anybody is asked anything. */
function unwritable(folder: string, { mode = 'inform' }: Told, { force, dryRun }: InitOptions): readonly string[] {
  const there = (path: string): boolean => existsSync(join(folder, path))
  return [
    ...(force === true || dryRun === true ? [] : ['config.yml', 'inventory.yml'].filter(there).map(existing)),
    ...(mode !== 'inform' && there(RULES)
      ? [`${RULES} is there already and stays as it is: write \`mode: ${mode}\` into it, or leave --mode out`]
      : []),
  ]
}

async function surveyed(bootstrap: readonly HostPort[], security: KafkaSecurity): Promise<ClusterSurvey> {
  const clock = systemClock
  return withProgress(
    'asking Kafka',
    async () => {
      const survey = await surveyCluster(bootstrap, { clock, security })
      if (survey !== null) return survey
      const troubles = await Promise.all(
        bootstrap.map(async (address) => troubleText(address, await diagnoseListener(address, { clock, security }))),
      )
      throw new InitError(troubles, 1)
    },
    { clock },
  )
}

async function asked(told: Told, survey: ClusterSurvey): Promise<Told> {
  const asker: Asker = openAsker(process.stdin, process.stderr)
  try {
    return await completed(told, survey, asker.ask)
  } finally {
    asker.close()
  }
}

/** The key that each machine shows, without trusting it. */
async function hostKeys(answers: Answers, survey: ClusterSurvey): Promise<HostKeys> {
  const { sshUser = '', sshKey = '', sshPort } = answers
  const names = sshHosts(answers, survey)
  const hosts = openHosts({ clock: systemClock, log: pino({ level: 'silent' }) })
  const connection = { driver: 'ssh', user: sshUser, port: sshPort, keyFile: sshKey, hostKey: '' } as const
  const keyOf = async (host: string) => [host, await hosts.hostKeyOf(connection, host)] as const
  try {
    const work = () => Promise.all(names.map(keyOf))
    return new Map(await withProgress('asking the hosts for their SSH keys', work, { clock: systemClock }))
  } finally {
    await hosts.close()
  }
}

function write(folder: string, files: readonly InitFile[], { force }: InitOptions): void {
  try {
    writeFiles(folder, files, force === true)
  } catch (error) {
    throw new InitError([error instanceof Error ? error.message : String(error)], 1)
  }
}

function checked(configFile: string): InitReport['problems'] {
  const loaded = loadConfiguration(configFile, granted)
  const problems = 'ok' in loaded ? loaded.warnings : loaded.problems
  return problems.map((problem) => ({ severity: problem.severity, text: formatProblem(problem) }))
}

function printDry(files: readonly InitFile[], folder: string, { json }: InitOptions): void {
  const shown = files.map(({ path, text, secret }) => ({ path, text: secret === true ? null : text }))
  process.stdout.write(
    json === true ? jsonText({ folder, files: shown }) : dryText(files, folder, paintFor(process.stdout, process.env)),
  )
}
