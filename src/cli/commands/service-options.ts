import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../../duration.ts'

/** Options of every command that asks a running service. */
export function addServiceOptions(command: Command): Command {
  return command
    .option('--json', 'print what the API answers, as JSON')
    .optionsGroup('Which service:')
    .option(
      '--url <url>',
      'address of the service; else KAFKA_HEALING_URL, else where the configuration says it listens',
    )
    .option('-c, --config <file>', 'configuration (config.yml, else config.example.yml)')
    .option(
      '--token-file <file>',
      'file with an API token; else KAFKA_HEALING_TOKEN, else the first of api.credentials of the configuration',
    )
    .option('--ca-file <file>', 'PEM file of the authority that signed its certificate; else KAFKA_HEALING_CA_FILE')
    .addOption(
      new Option('--timeout <duration>', 'how long it may take to answer').argParser(durationMs).default(15_000, '15s'),
    )
}

export function durationMs(text: string): number {
  const ms = parseDuration(text)
  if (ms === null || ms <= 0) throw new InvalidArgumentError('Expected a duration such as 30m, 4h or 1d12h.')
  return ms
}

/** A duration as the API takes it. */
export function durationText(text: string): string {
  durationMs(text)
  return text
}

/** RFC 3339. The API reads it again; what reads alerts would be long to load for a look at the help. */
function isTime(text: string): boolean {
  return (
    /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text))
  )
}

/** A time or how long ago, as the API takes it. */
export function timeOrAgo(text: string): string {
  if (!isTime(text) && parseDuration(text) === null)
    throw new InvalidArgumentError('Expected a time such as 2026-11-21T08:49:33Z, or how long ago, such as 24h.')
  return text
}

export function time(text: string): string {
  if (!isTime(text)) throw new InvalidArgumentError('Expected a time such as 2026-11-21T08:49:33Z.')
  return text
}

/** `7` or `#7`, as mails and tables write it. */
export function incidentNumber(text: string): number {
  return wholeNumber(text.replace(/^#/, ''), 'the number of an incident, such as 7')
}

export function positive(text: string): number {
  return wholeNumber(text, 'a whole number from 1')
}

function wholeNumber(text: string, what: string): number {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (number < 1) throw new InvalidArgumentError(`Expected ${what}.`)
  return number
}

/** Choices separated by commas. */
export function listOf(choices: readonly string[]): (text: string) => readonly string[] {
  return (text) => {
    const chosen = text.split(',').filter((one) => one !== '')
    if (chosen.length === 0 || chosen.some((one) => !choices.includes(one)))
      throw new InvalidArgumentError(`Expected some of ${choices.join(', ')}.`)
    return chosen
  }
}

export function scopeText(text: string): string {
  if (!/^(?:all|(?:cluster|target|rule):.+)$/.test(text))
    throw new InvalidArgumentError('Expected all, cluster:<name>, target:<key> or rule:<name>.')
  return text
}
