import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { generated } from '../../scripts/docs/generated.ts'
import { routes } from '../../scripts/docs/http.ts'
import { fingerprintOf } from '../../src/alert/fingerprint.ts'
import { parseDelivery } from '../../src/alert/payload.ts'
import { formatProblem } from '../../src/document/problem.ts'
import { OUTCOMES } from '../../src/incident/incident.ts'
import { resolveSubject } from '../../src/inventory/resolve.ts'
import { loadConfiguration } from '../../src/rules/configuration.ts'
import { granted } from '../../src/rules/granted.ts'
import { matchRules } from '../../src/rules/match.ts'
import { metricNames } from '../../src/telemetry.ts'
import { program, run } from '../lab/processes.ts'
import { repository } from '../lab/state.ts'
import { makeAuthority } from '../support/certificates.ts'
import { unknownIn } from '../support/command-line.ts'
import { blocksOf } from '../support/page-blocks.ts'

const read = (path: string): string => readFileSync(join(repository, path), 'utf8')

const pages = [
  'README.md',
  'AGENTS.md',
  'CHANGELOG.md',
  ...readdirSync(join(repository, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...readdirSync(join(repository, 'docs/runbooks')).map((name) => `docs/runbooks/${name}`),
]

const folders: string[] = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-docs-'))
  folders.push(folder)
  return folder
}

describe.each(pages)('%s', (page) => {
  const text = read(page)

  test('has links that lead somewhere, and headings for those with a #', () => {
    const links = [...text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
    const dead = links.filter((link) => !/^[a-z]+:/.test(link) && !leadsSomewhere(page, link))
    expect(dead).toEqual([])
  })

  test('names no machine of ours', () => {
    expect(text).not.toMatch(/\/(work|home|root|opt\/n\d+)\//)
  })
})

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : join(dirname(page), path)
  if (!existsSync(join(repository, target))) return false
  return anchor === undefined || anchorsOf(read(target)).includes(anchor)
}

/** As GitHub makes them. */
function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

describe('what the pages name', () => {
  const everything = pages.map((page) => ({ page, text: read(page) }))

  test('as a command is one, with options that it has', () => {
    const named = everything.flatMap(({ page, text }) => [
      ...[...text.matchAll(/(?:npx kafka-healing|`kafka-healing) ([a-z][^`\n#|]*)/g)].map(([, line = '']) => ({
        page,
        line,
      })),
      ...blocksOf(page)
        .filter(({ language }) => language === 'sh')
        .flatMap(({ text }) =>
          [...text.matchAll(/^kafka-healing ([^\n#|]*)/gm)].map(([, line = '']) => ({ page, line })),
        ),
    ])
    expect(named.length).toBeGreaterThan(10)
    for (const { page, line } of named) expect([page, line, unknownIn(line)]).toEqual([page, line, []])
  })

  test('as an npm script is one', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> }
    const named = everything.flatMap(({ text }) =>
      [...text.matchAll(/npm (?:run )?([a-z]+)\b/g)].map(([, name = '']) => name),
    )
    const known = [...Object.keys(scripts), 'ci', 'with', 'warns']
    expect([...new Set(named)].filter((name) => !known.includes(name))).toEqual([])
  })

  test('as a metric is one', () => {
    const named = everything.flatMap(({ text }) => text.match(/\bkafka_healing_\w+/g) ?? [])
    expect(named.length).toBeGreaterThan(metricNames.length)
    expect([...new Set(named)].filter((name) => !(metricNames as readonly string[]).includes(name))).toEqual([])
  })

  test('as a route is one', async () => {
    const known = new Set((await routes()).map(({ method, path }) => `${method} ${path}`))
    const named = everything.flatMap(({ page, text }) =>
      [...text.matchAll(/`((?:GET|POST|DELETE|PUT)(?:\/(?:GET|POST|DELETE|PUT))*) (\/[^`?\s]*)[^`]*`/g)].flatMap(
        ([, methods = '', path = '']) =>
          methods.split('/').map((method) => ({ page, route: `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}` })),
      ),
    )
    expect(named.length).toBeGreaterThan(known.size)
    expect(named.filter(({ route }) => !known.has(route))).toEqual([])
  })

  test('as a file of the repository is there', () => {
    const named = everything.flatMap(({ page, text }) =>
      [...text.matchAll(/`((?:src|test|scripts|docs|deploy|alerts|dashboards|bin)\/[\w./-]+)`/g)].map(
        ([, path = '']) => ({
          page,
          path,
        }),
      ),
    )
    // The worked example is about to be written by its reader.
    const missing = named.filter(({ path }) => !existsSync(join(repository, path)) && path !== 'src/actions/mark.ts')
    expect(missing).toEqual([])
  })
})

describe('operate.md', () => {
  const text = read('docs/operate.md')

  test('explains every reason that an incident can have', () => {
    const union = /^export type Reason =([\s\S]*?)\n\n/m.exec(read('src/incident/incident.ts'))?.[1] ?? ''
    const reasons = [...[...union.matchAll(/'(\w+)'/g)].map(([, reason = '']) => reason), ...OUTCOMES]
    expect(reasons.length).toBeGreaterThan(30)
    expect(reasons.filter((reason) => !text.includes(`\`${reason}\``))).toEqual([])
  })

  test('explains what subjects of mails say, in the words that they use', () => {
    const source = `${read('src/notify/phrases.ts')}${read('src/notify/compose.ts')}`
    const section = text.slice(text.indexOf('| the subject says'), text.indexOf('More than five due rows'))
    const quoted = [...section.matchAll(/^\| `([^`]+)`/gm)].map(([, words = '']) => words)
    const notices = ['storm', 'demotion', 'pause'].map((name) => read(`src/notify/${name}.ts`)).join('')
    expect(quoted.filter((words) => !`${source}${notices}`.includes(words))).toEqual([])
    const used = [...source.matchAll(/(?:=>|return|\?|:) '([a-z][^'$]{3,})'/g)].map(([, words = '']) => words)
    expect(used.length).toBeGreaterThan(15)
    // Parts of sentences.
    const unseen = ['somebody', 'list']
    expect(used.filter((words) => !unseen.includes(words) && !quoted.some((one) => words.startsWith(one)))).toEqual([])
  })
})

describe('rules.md', () => {
  test('explains every state, guard, probe and action', () => {
    const text = read('docs/rules.md')
    const states = /^export type State =([\s\S]*?)\n\n/m.exec(read('src/incident/incident.ts'))?.[1] ?? ''
    const names = [
      ...[...states.matchAll(/'(\w+)'/g)].map(([, state = '']) => state),
      ...[...granted.guards, ...granted.probes].map(({ type }) => type),
    ]
    expect(names.filter((name) => !text.includes(`| \`${name}\` |`) && name !== 'symptom')).toEqual([])
    expect(granted.actions.filter(({ type }) => !text.includes(`### ${type}`))).toEqual([])
  })
})

const yaml = pages.flatMap(blocksOf).filter(({ language }) => language === 'yaml')

describe('the YAML in the pages', () => {
  test('says which file it is about', () => {
    expect(yaml.length).toBeGreaterThan(10)
    expect(yaml.filter(({ file }) => file === '').map(({ page, text }) => `${page}: ${text.slice(0, 60)}`)).toEqual([])
  })

  test.each(yaml.filter(({ page }) => page !== 'docs/extending.md').map((block, index) => ({ ...block, index })))(
    '$page: $file, $index',
    async ({ file, text }) => {
      expect(parse(text)).toBeTypeOf('object')
      if (CHECKED_BY[file] !== undefined) {
        const path = join(temporary(), file)
        writeFileSync(path, text)
        const checked = await run([...CHECKED_BY[file](), path])
        expect(checked, checked.stderr).toMatchObject({ code: 0 })
        return
      }
      // Tests of rules are run where their page is (first-rule.test.ts).
      if (file.endsWith('.test.yml')) return
      if (file !== 'config.yml' && file !== 'inventory.yml' && !file.startsWith('rules/')) return
      expect(problemsOf(folderWith(file, text))).toEqual([])
    },
  )
})

/** What the programs themselves say of their files. */
const CHECKED_BY: Readonly<Record<string, () => readonly string[]>> = {
  'alertmanager.yml': () => [program('amtool', 'prometheus-alertmanager'), 'check-config'],
  'prometheus.yml': () => [program('promtool', 'prometheus'), 'check', 'config'],
}

/** Longer than two weeks, or the configuration would warn of its end. */
const certificates = makeAuthority(temporary()).issue('kafka-healing', { days: 30 })

/** The examples that ship, with one file in place of theirs, and every file that it names beside it. */
function folderWith(file: string, text: string): string {
  const folder = temporary()
  cpSync(join(repository, 'config.example.yml'), join(folder, 'config.yml'))
  cpSync(join(repository, 'inventory.example.yml'), join(folder, 'inventory.yml'))
  cpSync(join(repository, 'rules'), join(folder, 'rules'), { recursive: true })
  const put = (path: string, content: string): void => {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    writeFileSync(join(folder, path), content, { mode: 0o600 })
  }
  if (file.startsWith('rules/')) rmSync(join(folder, 'rules'), { recursive: true })
  const shipped = readFileSync(join(folder, 'config.yml'), 'utf8').replace('inventory.example.yml', 'inventory.yml')
  const receivers = 'receivers: { kafka-oncall: [oncall@example.org], kafka-leads: [leads@example.org] }\n'
  put('config.yml', shipped.replace(/^receivers:\n.*\n/m, receivers))
  // A page shows the part of config.yml that it is about; the rest is as shipped.
  const whole =
    file === 'config.yml' ? JSON.stringify({ ...(parse(shipped) as object), ...(parse(text) as object) }) : text
  put(file, whole)
  const named = `${text}\n${readFileSync(join(folder, 'inventory.yml'), 'utf8')}`
  const { caFile, cert, key } = certificates
  const content: Readonly<Record<string, string>> = { ca: readFileSync(caFile, 'utf8'), cert, key }
  for (const [, kind = '', path = ''] of named.matchAll(/\b(token|password|key|cert|ca)_file: ([\w./-]+)/g))
    put(path, content[kind] ?? 'anything')
  return folder
}

function problemsOf(folder: string): readonly string[] {
  const loaded = loadConfiguration(join(folder, 'config.yml'), granted, {})
  return ('problems' in loaded ? loaded.problems : loaded.warnings).map(formatProblem)
}

describe('docs/sample-alert.json', () => {
  const body = JSON.parse(read('docs/sample-alert.json')) as {
    alerts: { labels: Record<string, string>; fingerprint: string }[]
  }
  const [alert] = body.alerts

  test('is a body as Alertmanager posts it', () => {
    const parsed = parseDelivery(body)
    expect(parsed).toMatchObject({ ok: { receiver: 'kafka-healing', alerts: [{ status: 'firing' }] } })
    expect(alert?.fingerprint).toBe(fingerprintOf(alert?.labels ?? {}))
  })

  test('has the labels of the alert that ships, and matches the rule for it', () => {
    const { groups } = parse(read('alerts/kafka.rules.yml')) as {
      groups: { rules: { alert: string; expr: string; labels: Record<string, string> }[] }[]
    }
    const shipped = groups.flatMap(({ rules }) => rules).find((rule) => rule.alert === alert?.labels['alertname'])
    const kept = /max by \(([^)]*)\)/.exec(shipped?.expr ?? '')?.[1]?.split(', ') ?? []
    expect(Object.keys(alert?.labels ?? {}).toSorted()).toEqual(
      ['alertname', ...kept, ...Object.keys(shipped?.labels ?? {})].toSorted(),
    )
    const loaded = loadConfiguration(join(repository, 'config.example.yml'), granted, {})
    if ('problems' in loaded) throw new Error(loaded.problems.map(formatProblem).join('\n'))
    const { rules, inventory } = loaded.ok
    const labels = alert?.labels ?? {}
    expect(matchRules(rules, labels).map(({ name }) => name)).toEqual(['broker-down'])
    expect(
      resolveSubject({ kind: 'broker', from: 'labels' }, labels, alert?.fingerprint ?? '', inventory),
    ).toMatchObject({
      target: 'orders/broker/2',
    })
  })
})

describe('what is generated', () => {
  test('is up to date (npm run docs)', async () => {
    for (const [path, text] of await generated())
      expect(existsSync(join(repository, path)) && read(path), path).toBe(text)
  })
})

describe('the worked example of extending.md', () => {
  const blocks = blocksOf('docs/extending.md')
  const block = (file: string): string => {
    const found = blocks.find((one) => one.file === file)
    if (found === undefined) throw new Error(`extending.md has no block for ${file}`)
    return found.text.split('\n').slice(1).join('\n')
  }

  test('becomes an action by one file and one line, which a rule uses on a real host', async () => {
    const copy = temporary()
    for (const name of ['src', 'package.json', 'tsconfig.json', 'vitest.config.ts'])
      cpSync(join(repository, name), join(copy, name), { recursive: true })
    symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'))
    writeFileSync(join(copy, 'src/actions/mark.ts'), block('src/actions/mark.ts'))
    const [added = '', granting = ''] = block('src/actions/index.ts').split('\n')
    insert(join(copy, 'src/actions/index.ts'), (text) => {
      const before = /^export const actions.*$/m.exec(text)?.[0] ?? ''
      expect(granting).toBe(before.replace(/\]$/, ', mark]'))
      return `${added}\n${text.replace(before, granting)}`
    })
    const examples = /^const examples.*\{$/m
    insert(join(copy, 'src/actions/conformance.test.ts'), (text) =>
      text.replace(examples, (line) => `${line}\n${block('src/actions/conformance.test.ts')}`),
    )

    const tools = join(repository, 'node_modules/.bin')
    const types = await run([join(tools, 'tsc'), '--noEmit', '--rootDir', '.', '-p', tsconfigFor(copy)], { cwd: copy })
    expect(types, types.stdout).toMatchObject({ code: 0 })
    const conforms = await run([join(tools, 'vitest'), 'run', 'src/actions/conformance.test.ts'], { cwd: copy })
    expect(conforms, conforms.stdout).toMatchObject({ code: 0 })

    const mark = join(copy, 'here')
    const rules = block('rules/marked.yml').replaceAll('/run/kafka-healing.mark', mark)
    const folder = folderWith('rules/marked.yml', rules)
    const ended = await run(
      [process.execPath, '--input-type=module-typescript', '-e', useIt(join(folder, 'config.yml'))],
      {
        cwd: copy,
      },
    )
    expect(ended, ended.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('touch ended with 0') })
    expect(existsSync(mark)).toBe(true)
  }, 120_000)
})

function insert(path: string, change: (text: string) => string): void {
  const before = readFileSync(path, 'utf8')
  const after = change(before)
  if (after === before) throw new Error(`nothing was inserted into ${path}`)
  writeFileSync(path, after)
}

function tsconfigFor(copy: string): string {
  const path = join(copy, 'tsconfig.example.json')
  writeFileSync(
    path,
    JSON.stringify({
      extends: './tsconfig.json',
      include: ['src/actions/mark.ts', 'src/actions/conformance.test.ts', 'src/rules/granted.ts'],
    }),
  )
  return path
}

/** Loads the rule, and runs its first step on this machine as the runner would. */
function useIt(config: string): string {
  return `
import { actionOf } from './src/actions/index.ts'
import { systemClock } from './src/clock.ts'
import { openHosts } from './src/hosts/hosts.ts'
import { loadConfiguration } from './src/rules/configuration.ts'
import { granted } from './src/rules/granted.ts'
const loaded = loadConfiguration(${JSON.stringify(config)}, granted, {})
if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems))
const [rule] = loaded.ok.rules
const [step] = rule.plan.runbook.rungs[0]
const [target] = [...loaded.ok.inventory.targets.values()].filter(({ kind }) => kind === 'exporter')
const { local } = openHosts({ clock: systemClock, log: { info() {}, warn() {} } })
const values = { labels: {}, target: {}, incident: {} }
const context = { target, host: local, local, key: '1.1.1', limitSeconds: 10, values, signal: new AbortController().signal }
const result = await actionOf(step.type).run(step.params, context)
console.log(result.reason)
if (result.outcome !== 'succeeded') process.exit(1)
`
}
