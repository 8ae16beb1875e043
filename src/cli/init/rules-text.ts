import { parse } from 'yaml'
import type { Answers } from './answers.ts'
import { schemaLine, shipped } from './shipped.ts'

/** The shipped rules, every one of them in the mode that was asked for. */
export function rulesText(mode: Answers['mode'], folder: string): string {
  const text = shipped('rules/kafka.yml')
    .replace(/^# yaml-language-server:.*\n/, '')
    .replaceAll(/^( +mode:) inform\b/gm, `$1 ${mode}`)
  const { rules } = parse(text) as { readonly rules: readonly { readonly mode?: string }[] }
  if (!rules.every((rule) => (rule.mode ?? 'inform') === mode))
    throw new Error(`rules/kafka.yml has a rule of its own mode`)
  return `# ${schemaLine('rules', folder)}\n${text}`
}
