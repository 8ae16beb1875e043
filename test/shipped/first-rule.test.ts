import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { run } from '../lab/processes.ts'
import { repository } from '../lab/state.ts'
import { GIT_ENV } from '../support/git.ts'
import { blocksOf } from '../support/page-blocks.ts'
import { recordAlerts } from '../support/recorded-alerts.ts'

/** A person who follows docs/first-rule.md from top to bottom: files are written, commands are run, outputs are compared. */

const home = mkdtempSync(join(tmpdir(), 'kafka-healing-first-rule-'))
const folder = join(home, 'orders')
afterAll(() => rmSync(home, { recursive: true, force: true }))

const env = {
  HOME: home,
  PATH: `${join(home, '.local/bin')}:${dirname(process.execPath)}:${process.env['PATH']}`,
  LANG: 'C.UTF-8',
  ...GIT_ENV,
}

interface Shown {
  readonly command: string
  readonly output: string
}

/** Commands begin with `$ ` and go on until a here-document has ended; what follows is what they print. */
function commandsIn(text: string): readonly Shown[] {
  const shown: { command: string; output: string }[] = []
  let end: string | null = null
  for (const line of text.trimEnd().split('\n')) {
    const last = shown.at(-1)
    if (end !== null && last !== undefined) {
      last.command += `\n${line}`
      if (line === end) end = null
    } else if (line.startsWith('$ ')) {
      shown.push({ command: line.slice(2), output: '' })
      end = /<< '(\w+)'$/.exec(line)?.[1] ?? null
    } else if (last !== undefined) last.output += `${line}\n`
  }
  return shown
}

/** What is shown as a pattern: `…` is anything within a line; alone on a line, any lines. */
function pattern(output: string): RegExp {
  const lines = output.split('\n').map((line) => (line === '…' ? '(?:.*\\n)*?' : `${escaped(line)}\\n`))
  return new RegExp(`^${lines.join('').replace(/\\n$/, '')}$`)
}

function escaped(line: string): string {
  return line.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&').replaceAll('…', '.*')
}

const blocks = blocksOf('docs/first-rule.md')

describe('docs/first-rule.md', () => {
  test('has nothing but files and commands in its blocks, every command of rules as code but `init` among them', () => {
    expect(blocks.filter(({ language, file }) => language !== 'console' && file === '')).toEqual([])
    const commands = blocks.filter(({ language }) => language === 'console').flatMap(({ text }) => commandsIn(text))
    const named = ['init', 'check', 'test', 'test --coverage', 'plan', 'export', 'replay'].filter(
      (name) => !commands.some(({ command }) => command.includes(`kafka-healing ${name}`)),
    )
    expect(named).toEqual(['init'])
  })

  test('does what it says, block after block', async () => {
    mkdirSync(folder)
    symlinkSync(repository, join(home, 'kafka-healing'))
    await alertsOfTheService()
    let code = 0
    for (const { language, file, text } of blocks) {
      if (language !== 'console') {
        writeFileSync(join(folder, file), text)
        continue
      }
      for (const { command, output } of commandsIn(text)) {
        if (command !== 'echo $?') expect(code, `before: ${command}`).toBe(0)
        const argv = ['bash', '-c', `(exit ${code})\n{ ${command}\n} 2>&1`]
        const ended = await run(argv, { cwd: folder, env, timeoutMs: 120_000 })
        expect(ended.stdout, command).toMatch(pattern(output))
        code = ended.code
      }
    }
    expect(code).toBe(0)
  }, 180_000)
})

/** The service of the example has received three alerts; its database lies where config.yml says. */
async function alertsOfTheService(): Promise<void> {
  const service = join(home, 'service')
  for (const name of ['config.example.yml', 'inventory.example.yml', 'rules'])
    cpSync(join(repository, name), join(service, name), { recursive: true })
  const lag = { alertname: 'KafkaLagExporterDown', exporter: 'lag-exporter' }
  await recordAlerts(join(service, 'config.example.yml'), [
    { ...lag, cluster: 'orders' },
    { ...lag, cluster: 'billing' },
    { alertname: 'KafkaBrokerDown', cluster: 'orders', broker_id: '1' },
  ])
  cpSync(join(service, 'data'), join(folder, 'data'), { recursive: true })
}
