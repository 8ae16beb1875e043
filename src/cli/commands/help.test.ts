import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { unknownIn } from '../../../test/support/command-line.ts'
import { commandLine } from '../main.ts'

const program = commandLine()

function all(command: Command): readonly Command[] {
  const visible = command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help')
  return visible.flatMap((each) => [each, ...all(each)])
}

function pathOf(command: Command): string {
  return command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()
}

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (more) => (text += more) }).outputHelp()
  return text
}

const commands = all(program).map((command) => ({ name: pathOf(command), command, help: helpOf(command) }))

describe.each(commands)('the help of $name', ({ command, help }) => {
  it('says what it does, with examples and the exit codes of all commands', () => {
    expect(command.description()).toMatch(/\w/)
    expect(help).toMatch(/^Examples:\n {2}# .+\n {2}kafka-healing /m)
    expect(help).toMatch(/^Exit codes:\n {2}0 {2}.+\n {2}1 {2}.+\n {2}2 {2}/m)
    for (const option of command.options)
      expect([option.flags, option.description]).toEqual([option.flags, expect.stringMatching(/\w/)])
  })

  it('shows examples of commands and options that there are', () => {
    const examples = [...help.matchAll(/^ {2}kafka-healing (.*)$/gm)].map(([, args = '']) => args)
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) expect([example, unknownIn(example)]).toEqual([example, []])
  })
})

it('everything that prints data can print it for programs', () => {
  const none = commands.filter(({ command }) => !command.options.some(({ long }) => long === '--json'))
  expect(none.map(({ name }) => name)).toEqual(['serve', 'export', 'export alerts', 'silence', 'completion'])
})

it('commands are found by their group, each with one line', () => {
  const help = helpOf(program)
  for (const { name, command } of commands.filter(({ command }) => command.parent === program)) {
    expect(help).toMatch(new RegExp(`^ {2}${name}[ \\n]`, 'm'))
    expect([name, (command.summary() || command.description()).length < 100]).toEqual([name, true])
  }
  expect(help).not.toMatch(/^Commands:/m)
})

it('docs/cli.md names every command', () => {
  const page = readFileSync('docs/cli.md', 'utf8')
  for (const { name } of commands) expect([name, page.includes(`kafka-healing ${name}`)]).toEqual([name, true])
})
