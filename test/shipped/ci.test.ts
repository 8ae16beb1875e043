import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { registerHooks } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { type Output, program, run } from '../lab/processes.ts'
import { repository } from '../lab/state.ts'
import { git } from '../support/git.ts'
import { blocksOf } from '../support/page-blocks.ts'
import { recordAlerts } from '../support/recorded-alerts.ts'

/**
 * The jobs of docs/ci.md, run as GitHub and GitLab run them: in clones of a repository of rules with a base, a good change and
 * bad ones. Only `gh`, the clone of kafka-healing, and the two servers (GitLab's API, the store of alerts) are stand-ins.
 */

const shipped = (name: string): string => readFileSync(join(repository, 'deploy/ci', name), 'utf8')

const root = mkdtempSync(join(tmpdir(), 'kafka-healing-ci-'))
const team = join(root, 'team')
const bin = join(root, 'bin')
afterAll(() => rmSync(root, { recursive: true, force: true }))

const PATH = `${bin}:${dirname(process.execPath)}:${process.env['PATH']}`
const ALERTS_TOKEN = 'token of the store'
const GITLAB_TOKEN = 'token of the project'

/** What the change does with the three alerts that came; a later commit on main, which changes another, must not show. */
const PLANTED = [
  '### Replay: 1 of 3 alerts would be treated differently',
  '| 1 | newly matched | `no rule` | `broker-down` |',
]
const BROKEN = 'rules/exporter.yml:11:15'

let url: string
const uploads: Buffer[] = []
const notes: { id: number; body: string }[] = []
const server = createServer((request, response) => void answer(request, response))

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  makePrograms()
  makeTeam()
  await exportNightly()
})
afterAll(() => server.close())

/** A store that takes and gives one file, and notes of one merge request as GitLab has them. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await buffer(request)
  const { method = '', url: path = '', headers } = request
  const end = (status: number, content: string | Buffer = ''): void => void response.writeHead(status).end(content)
  if (path === '/alerts.ndjson.gz') {
    if (headers.authorization !== `Bearer ${ALERTS_TOKEN}`) return end(401)
    if (method === 'PUT') uploads.push(body)
    return end(200, uploads.at(-1))
  }
  const [, own, id] = /^\/api\/v4\/projects\/7\/merge_requests\/3(\/notes)(?:\/(\d+)|\?per_page=100)?$/.exec(path) ?? []
  if (own === undefined || headers['private-token'] !== GITLAB_TOKEN) return end(404)
  const text = new URLSearchParams(body.toString()).get('body') ?? ''
  if (method === 'GET') return end(200, JSON.stringify(notes))
  const known = notes.find((note) => String(note.id) === id)
  if (method === 'PUT' && known) known.body = text
  else if (method === 'POST' && id === undefined) notes.unshift({ id: notes.length + 1, body: text })
  else return end(405)
  return end(200, '{}')
}

function makePrograms(): void {
  const executable = (name: string, lines: readonly string[]): void =>
    writeFileSync(join(bin, name), `${['#!/bin/sh', ...lines].join('\n')}\n`, { mode: 0o755 })
  mkdirSync(bin)
  symlinkSync(join(repository, 'bin/kafka-healing.js'), join(bin, 'kafka-healing'))
  // `clone` brings what is installed here already; the stamp says so, and only in the right folder is it found.
  const clone = join(root, 'kafka-healing')
  mkdirSync(join(clone, 'node_modules'), { recursive: true })
  symlinkSync(join(repository, 'bin'), join(clone, 'bin'))
  for (const name of ['scripts/install.js', 'package-lock.json']) cpSync(join(repository, name), join(clone, name))
  const lock = createHash('sha256')
    .update(readFileSync(join(clone, 'package-lock.json')))
    .digest('hex')
  writeFileSync(join(clone, 'node_modules/.kafka-healing-lock'), lock)
  executable('git', [
    `[ "$1" != clone ] || { echo "$@" > "${root}/cloned"; for to; do :; done; exec cp -a "${clone}" "$to"; }`,
    `exec ${program('git')} "$@"`,
  ])
  executable('npm', ['echo "npm is not to be run here" >&2', 'exit 1'])
  executable('gh', [`echo "$GH_TOKEN: $*" >> "${root}/gh"`, 'for file; do :; done', `cp "$file" "${root}/comment.md"`])
}

const EXPORTER = `rules:
  - name: exporter-down
    match: ['alertname="KafkaExporterDown"']
    target: { exporter: from-labels }
    after: 1m
    runbook: restart-exporter
    escalation: { to: [kafka-oncall] }
runbooks:
  restart-exporter:
    symptom:
      scrape: unanswered
    rungs: [[{ systemd: { verb: restart } }]]
    verify: [{ probe: http-scrape, within: 2m }]
`
const EXPORTER_TEST = `tests:
  - name: an exporter that hangs is restarted after a minute
    mode: act
    world: { orders: { exporters: { kafka-exporter: { answers: false } } } }
    alerts:
      - labels: { alertname: KafkaExporterDown, cluster: orders, exporter: kafka-exporter }
    expect:
      - at: 2m
        incidents: [{ rule: exporter-down, attempts: 1 }]
        ran: [systemd restart on orders/exporter/kafka-exporter]
`
const BROKER = `rules:
  - name: broker-down
    match: ['alertname="KafkaBrokerDown"']
    target: { broker: from-labels }
    runbook: start-broker
    escalation: { to: [kafka-oncall] }
runbooks:
  start-broker:
    symptom: { unit: crashed }
    rungs: [[{ systemd: { verb: start } }]]
    verify: [{ probe: kafka-api, within: 2m }]
`
const BROKER_TEST = `tests:
  - name: a broker that crashed is started
    mode: act
    world: { orders: { brokers: { 2: { unit: crashed } } } }
    alerts:
      - labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: '2' }
    expect:
      - at: 2m
        incidents: [{ rule: broker-down, attempts: 1 }]
        ran: [systemd start on orders/broker/2]
`

function put(files: Readonly<Record<string, string>>, folder = team): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

/** A base, three branches from it, and one more commit on the base, as it is in life. Secrets are named and not there. */
function makeTeam(): void {
  const config = readFileSync(join(repository, 'config.example.yml'), 'utf8')
    .replace('inventory.example.yml', 'inventory.yml')
    .replace('# webhook: {', 'webhook: {')
  const inventory = readFileSync(join(repository, 'inventory.example.yml'), 'utf8')
  const base = { 'config.yml': config, 'inventory.yml': inventory, 'rules/exporter.test.yml': EXPORTER_TEST }
  const branches: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    good: { 'rules/broker.yml': BROKER, 'rules/broker.test.yml': BROKER_TEST },
    broken: { 'rules/exporter.yml': EXPORTER.replace(': unanswered', ': unanswerd') },
    untested: { 'rules/exporter.yml': EXPORTER.replace('after: 1m', 'after: 10m') },
  }
  mkdirSync(team)
  git(team, 'init', '--quiet', '--initial-branch=main')
  const commit = (files: Readonly<Record<string, string>>, message: string): void => {
    put(files)
    git(team, 'add', '.')
    git(team, 'commit', '--quiet', '--message', message)
  }
  commit({ ...base, 'rules/exporter.yml': EXPORTER }, 'base')
  for (const [branch, files] of Object.entries(branches)) {
    git(team, 'checkout', '--quiet', '-b', branch, 'main')
    commit(files, branch)
  }
  git(team, 'checkout', '--quiet', 'main')
  commit({ 'rules/exporter.yml': EXPORTER.replace('Down"\'', 'Down"\', \'cluster="orders"\'') }, 'meanwhile')
}

/** A real service receives alerts; the nightly script writes and uploads them. */
async function exportNightly(): Promise<void> {
  const host = join(root, 'host')
  put({ 'rules/exporter.yml': EXPORTER }, host)
  cpSync(join(repository, 'inventory.example.yml'), join(host, 'inventory.example.yml'))
  cpSync(join(repository, 'config.example.yml'), join(host, 'config.yml'))
  const exporter = { alertname: 'KafkaExporterDown', exporter: 'kafka-exporter' }
  await recordAlerts(join(host, 'config.yml'), [
    { ...exporter, cluster: 'orders' },
    { ...exporter, cluster: 'billing' },
    { alertname: 'KafkaBrokerDown', cluster: 'orders', broker_id: '1' },
  ])
  const script = shipped('nightly-export').replace('/opt/kafka-healing', repository).replace('/etc/kafka-healing', host)
  const env = { PATH, STATE_DIRECTORY: host, ALERTS_URL: `${url}/alerts.ndjson.gz`, ALERTS_TOKEN }
  const ended = await run(['sh', '-c', script], { env })
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
}

/** A clone as a runner makes it: a branch, or (GitHub) the merge of it with as much history as was asked for. */
function checkedOut(branch: string, depth: number | null = null): string {
  const folder = mkdtempSync(join(root, `${branch}-`))
  if (depth === null) {
    git(root, 'clone', '--quiet', '--branch', branch, team, folder)
    return folder
  }
  git(team, 'checkout', '--quiet', '-B', 'merged', 'main')
  git(team, 'merge', '--quiet', '--no-ff', '--no-edit', branch)
  git(root, 'clone', '--quiet', `--depth=${depth}`, '--branch', 'merged', `file://${team}`, folder)
  return folder
}

const Variables = z.record(z.string(), z.coerce.string())
type Variables = z.output<typeof Variables>

const Workflow = z.object({
  env: Variables,
  defaults: z.strictObject({ run: z.record(z.literal(['shell']), z.literal('bash')) }),
  jobs: z.strictObject({
    rules: z.object({
      steps: z.array(
        z.object({
          name: z.string().optional(),
          id: z.string().optional(),
          if: z.string().optional(),
          env: Variables.default({}),
          run: z.string().optional(),
          with: z.record(z.string(), z.unknown()).default({}),
        }),
      ),
    }),
  }),
})

interface JobEnded extends Output {
  /** Names of the steps that were run; the last one has failed, if `code` says so. */
  readonly steps: readonly string[]
}

/** Runs the steps of the workflow with GitHub's `bash -eo pipefail`, the first ones left out when it begins `from` one. */
async function github(branch: string, secrets: Variables, from = 'Install'): Promise<JobEnded> {
  const { env, jobs } = Workflow.parse(parse(shipped('github.yml')))
  const { steps } = jobs.rules
  const depth = z.number().parse(steps[0]?.with['fetch-depth'])
  const cwd = checkedOut(branch, depth)
  const [outputs, summary] = [join(root, 'outputs'), join(root, 'summary')]
  for (const file of [outputs, summary]) writeFileSync(file, '')
  const values = { 'github.token': 'token of the job', 'github.event.number': '42', ...prefixed('secrets.', secrets) }
  const given = {
    PATH,
    HOME: root,
    GITHUB_OUTPUT: outputs,
    GITHUB_STEP_SUMMARY: summary,
    GITHUB_REPOSITORY: 'team/rules',
  }
  const done: string[] = []
  let [stdout, stderr] = ['', '']
  for (const step of steps.slice(steps.findIndex(({ name }) => name === from))) {
    const name = step.name ?? ''
    if (step.run === undefined || !isWanted(step.if, readFileSync(outputs, 'utf8'))) continue
    const own = Object.fromEntries(Object.entries(step.env).map(([key, text]) => [key, filledIn(text, values)]))
    const argv = ['bash', '--noprofile', '--norc', '-eo', 'pipefail', '-c', step.run]
    const ended = await run(argv, { cwd, timeoutMs: 120_000, env: { ...given, ...env, COVERAGE_MIN: '50', ...own } })
    done.push(name)
    stdout += ended.stdout
    stderr += ended.stderr
    if (ended.code !== 0) return { code: ended.code, stdout, stderr, steps: done }
  }
  return { code: 0, stdout, stderr, steps: done }
}

function prefixed(prefix: string, values: Variables): Variables {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]))
}

/** `${{ … }}`; a secret that is not set is empty, anything else that is not known is a mistake. */
function filledIn(text: string, values: Variables): string {
  return text.replaceAll(/\$\{\{ (.+?) \}\}/g, (_, name: string) => {
    const value = values[name] ?? (name.startsWith('secrets.') ? '' : undefined)
    if (value === undefined) throw new Error(`the test does not know ${name}`)
    return value
  })
}

function isWanted(condition: string | undefined, outputs: string): boolean {
  if (condition === undefined) return true
  const [, name, value] = /^steps\.alerts\.outputs\.(\w+) == '(\w+)'$/.exec(condition) ?? []
  if (name === undefined) throw new Error(`the test does not know ${condition}`)
  return outputs.split('\n').includes(`${name}=${value}`)
}

const Lines = z.array(z.string().min(1))
const GitlabJob = z.strictObject({
  image: z.string(),
  rules: z.array(z.strictObject({ if: z.string() })),
  interruptible: z.boolean(),
  timeout: z.string().regex(/^\d+ minutes$/),
  // GitLab takes numbers too, and makes text of them.
  variables: z.record(z.string().regex(/^[A-Z_]+$/), z.string()),
  before_script: Lines,
  script: Lines,
  artifacts: z.strictObject({
    when: z.enum(['always', 'on_success', 'on_failure']),
    paths: Lines,
    reports: z.strictObject({ junit: z.string() }),
  }),
})
const Pipeline = z.strictObject({ 'kafka-healing': GitlabJob })
const gitlabJob = () => Pipeline.parse(parse(shipped('gitlab.yml')))['kafka-healing']

/** Runs the job as GitLab does: all lines one after another in one shell. `lines` picks some of them. */
async function gitlab(
  cwd: string,
  secrets: Variables,
  lines = (all: readonly string[]): readonly string[] => all,
): Promise<Output> {
  const { variables, before_script, script } = gitlabJob()
  const env = {
    PATH,
    HOME: root,
    CI_API_V4_URL: `${url}/api/v4`,
    CI_PROJECT_ID: '7',
    CI_MERGE_REQUEST_IID: '3',
    CI_MERGE_REQUEST_DIFF_BASE_SHA: git(cwd, 'merge-base', 'HEAD', 'origin/main'),
    ...variables,
    COVERAGE_MIN: '50',
    ...secrets,
  }
  const text = ['set -eo pipefail', ...lines([...before_script, ...script])].join('\n')
  return run(['bash', '--noprofile', '--norc', '-c', text], { cwd, env, timeoutMs: 120_000 })
}

const alerts = () => ({ ALERTS_URL: `${url}/alerts.ndjson.gz`, ALERTS_TOKEN })

test('the page shows the files that ship, word for word', () => {
  const files = ['github.yml', 'gitlab.yml', 'pre-commit', 'pre-commit-config.yml', 'nightly-export']
  const units = ['kafka-healing-export.service', 'kafka-healing-export.timer']
  const blocks = blocksOf('docs/ci.md').map(({ text }) => text)
  for (const name of [...files, ...units]) expect(blocks, name).toContain(shipped(name))
})

describe('on GitHub', () => {
  test('the workflow is one, by GitHub’s own parser', async () => {
    // Node wants to be told that what it imports is JSON.
    const hook = registerHooks({
      load: (from, context, next) =>
        next(from, from.endsWith('.json') ? { ...context, importAttributes: { type: 'json' } } : context),
    })
    const { parseWorkflow } = await import('@actions/workflow-parser')
    hook.deregister()
    const quiet = { info: () => undefined, verbose: () => undefined, error: () => undefined }
    const problems = (content: string) =>
      parseWorkflow({ name: 'kafka-healing.yml', content }, quiet)
        .context.errors.getErrors()
        .map(({ message }) => message)
    expect(problems(shipped('github.yml'))).toEqual([])
    expect(problems(shipped('github.yml').replace('pull-requests: write', 'pull-requests: wirte'))).toHaveLength(1)
  })

  test('a good change is checked, tested and replayed, and the comment says what it would have done', async () => {
    const ended = await github('good', alerts())
    expect(ended, `${ended.stdout}${ended.stderr}`).toMatchObject({
      code: 0,
      steps: ['Install', 'Check', 'Test', 'Fetch the alerts that came', 'Replay', 'Comment'],
    })
    const comment = readFileSync(join(root, 'comment.md'), 'utf8')
    for (const line of PLANTED) expect(comment.split('\n')).toContain(line)
    expect(readFileSync(join(root, 'summary'), 'utf8')).toBe(comment)
    const asked = 'pr comment 42 --repo team/rules --edit-last --create-if-none --body-file replay.md'
    expect(readFileSync(join(root, 'gh'), 'utf8')).toBe(`token of the job: ${asked}\n`)
    expect(readFileSync(join(root, 'cloned'), 'utf8')).toContain('--depth 1 --branch v0.1.0 https://git.example.org/')
    expect(`${ended.stdout}${ended.stderr}`).not.toContain(ALERTS_TOKEN)
  })

  test('a broken rule fails at the check with its place, one that its test does not expect at the test', async () => {
    const broken = await github('broken', alerts())
    expect(broken).toMatchObject({ code: 1, steps: ['Install', 'Check'], stdout: expect.stringContaining(BROKEN) })
    const untested = await github('untested', alerts())
    expect(untested).toMatchObject({ code: 1, steps: ['Install', 'Check', 'Test'] })
    expect(untested.stdout).toContain('FAIL  an exporter that hangs is restarted after a minute')
  })

  test('without the secret nothing is replayed, and a notice says so; a store that says no fails', async () => {
    const none = await github('good', {}, 'Fetch the alerts that came')
    expect(none).toMatchObject({ code: 0, steps: ['Fetch the alerts that came'] })
    expect(none.stdout).toMatch(/^::notice::the secret ALERTS_URL is not set/)
    const refused = await github('good', { ...alerts(), ALERTS_TOKEN: 'another' }, 'Fetch the alerts that came')
    expect(refused).toMatchObject({ steps: ['Fetch the alerts that came'], stderr: expect.stringContaining('401') })
    expect(refused.code).not.toBe(0)
  })
})

describe('on GitLab', () => {
  test('the job uses keywords and variables as GitLab has them', () => {
    const { artifacts, script } = gitlabJob()
    expect(script.join('\n')).toContain(`--junit ${artifacts.reports.junit}`)
    const ours = ['ALERTS_URL', 'ALERTS_TOKEN', 'GITLAB_TOKEN', ...Object.keys(gitlabJob().variables)]
    const used = [...shipped('gitlab.yml').matchAll(/\$\{?([A-Z][A-Z0-9_]+)/g)].map(([, name = '']) => name)
    const predefined = [
      'CI_API_V4_URL',
      'CI_MERGE_REQUEST_DIFF_BASE_SHA',
      'CI_MERGE_REQUEST_IID',
      'CI_MERGE_REQUEST_TARGET_BRANCH_SHA',
      'CI_PIPELINE_SOURCE',
      'CI_PROJECT_ID',
    ]
    expect([...new Set(used)].filter((name) => !ours.includes(name)).toSorted()).toEqual(predefined)
  })

  test('a good change gets a note with what it would have done, which the next run replaces', async () => {
    notes.push({ id: 1, body: 'looks good, see ### Replay: below' })
    const cwd = checkedOut('good')
    const ended = await gitlab(cwd, { ...alerts(), GITLAB_TOKEN })
    expect(ended, `${ended.stdout}${ended.stderr}`).toMatchObject({ code: 0 })
    expect(notes).toHaveLength(2)
    for (const line of PLANTED) expect(notes[0]?.body.split('\n')).toContain(line)
    expect(existsSync(join(cwd, 'results.xml'))).toBe(true)

    writeFileSync(join(cwd, 'replay.md'), '### Replay: another time & 100 %\n')
    const again = await gitlab(cwd, { GITLAB_TOKEN }, (all) => all.slice(-1))
    expect(again, again.stderr).toMatchObject({ code: 0 })
    expect(notes.map(({ body }) => body)).toEqual([
      '### Replay: another time & 100 %\n',
      'looks good, see ### Replay: below',
    ])
  })

  test('a broken rule fails at the check with its place, one that its test does not expect at the test', async () => {
    const broken = await gitlab(checkedOut('broken'), alerts())
    expect(broken).toMatchObject({ code: 1, stdout: expect.stringContaining(BROKEN) })
    expect(broken.stdout).not.toContain('exporter.test.yml')
    const untested = await gitlab(checkedOut('untested'), alerts())
    expect(untested).toMatchObject({ code: 1, stdout: expect.stringContaining('FAIL  an exporter that hangs') })
  })

  test('without its variables nothing is replayed or noted, and the job says so', async () => {
    const cwd = checkedOut('good')
    const none = await gitlab(cwd, {}, (all) => all.slice(4))
    expect(none).toMatchObject({ code: 0, stdout: 'the variable ALERTS_URL is not set, so nothing is replayed\n' })
    const mute = await gitlab(cwd, {}, (all) => all.slice(-1))
    expect(mute).toMatchObject({ code: 0, stdout: expect.stringContaining('GITLAB_TOKEN is not set') })
  })
})

describe('before a commit', () => {
  const commit = (cwd: string): Promise<Output> => {
    const names = { GIT_AUTHOR_NAME: 'ada', GIT_AUTHOR_EMAIL: 'ada@example.org' }
    const env = { PATH, HOME: root, ...names, GIT_COMMITTER_NAME: 'ada', GIT_COMMITTER_EMAIL: 'ada@example.org' }
    return run(['git', 'commit', '--quiet', '--message', 'a change'], { cwd, env, timeoutMs: 120_000 })
  }
  function hooked(): string {
    const cwd = checkedOut('main')
    cpSync(join(repository, 'deploy/ci/pre-commit'), join(cwd, '.git/hooks/pre-commit'))
    return cwd
  }

  test('the hook lets a good change through, and prints what it would have done', async () => {
    const cwd = hooked()
    writeFileSync(join(cwd, 'alerts.ndjson.gz'), uploads.at(-1) ?? '')
    put({ 'rules/broker.yml': BROKER, 'rules/broker.test.yml': BROKER_TEST }, cwd)
    git(cwd, 'add', 'rules')
    const ended = await commit(cwd)
    expect(ended, `${ended.stdout}${ended.stderr}`).toMatchObject({ code: 0 })
    expect(`${ended.stdout}${ended.stderr}`).toContain('1 of 3 alerts would be treated differently')
    expect(git(cwd, 'log', '-1', '--format=%s')).toBe('a change')
  })

  test('the hook stops a broken rule that is staged, though the folder holds the right one, and leaves the rest alone', async () => {
    const cwd = hooked()
    put({ 'rules/exporter.yml': EXPORTER.replace(': unanswered', ': unanswerd') }, cwd)
    git(cwd, 'add', 'rules')
    put({ 'rules/exporter.yml': EXPORTER }, cwd)
    const stopped = await commit(cwd)
    expect(stopped.code).not.toBe(0)
    expect(`${stopped.stdout}${stopped.stderr}`).toContain(BROKEN)
    expect(git(cwd, 'log', '-1', '--format=%s')).toBe('meanwhile')

    git(cwd, 'reset', '--quiet')
    put({ 'README.md': 'ours\n' }, cwd)
    git(cwd, 'add', 'README.md')
    expect(await commit(cwd)).toMatchObject({ code: 0, stdout: '' })
  })

  test('pre-commit runs the same commands for the same files', () => {
    const Config = z.strictObject({
      repos: z.array(
        z.strictObject({
          repo: z.literal('local'),
          hooks: z.array(
            z.strictObject({
              id: z.string(),
              name: z.string(),
              language: z.literal('system'),
              entry: z.string(),
              files: z.string(),
              pass_filenames: z.literal(false),
            }),
          ),
        }),
      ),
    })
    const hooks = Config.parse(parse(shipped('pre-commit-config.yml'))).repos.flatMap((one) => one.hooks)
    const lines = shipped('pre-commit')
      .split('\n')
      .map((line) => line.trim())
    expect(hooks).toHaveLength(2)
    for (const { entry, files } of hooks) {
      expect(lines).toContain(entry)
      const concerned = [
        'config.yml',
        'inventory.yml',
        'rules/kafka.yml',
        'rules/x.test.yml',
        'README.md',
        'old/rules/a',
      ]
      expect(concerned.filter((path) => new RegExp(files).test(path))).toEqual(concerned.slice(0, 4))
    }
  })
})

test('the nightly units are such by systemd, and run the script as the user of the service', async () => {
  const folder = mkdtempSync(join(root, 'units-'))
  const [service, timer] = ['kafka-healing-export.service', 'kafka-healing-export.timer']
  const script = join(folder, 'kafka-healing-nightly-export')
  cpSync(join(repository, 'deploy/ci/nightly-export'), script)
  expect(shipped(service)).toContain('ExecStart=/usr/local/bin/kafka-healing-nightly-export\n')
  put({ [service]: shipped(service).replace('/usr/local/bin/kafka-healing-nightly-export', script) }, folder)
  put({ [timer]: shipped(timer) }, folder)
  const verified = await run([
    program('systemd-analyze', 'systemd'),
    'verify',
    join(folder, service),
    join(folder, timer),
  ])
  expect(verified).toMatchObject({ code: 0, stderr: '' })
})
