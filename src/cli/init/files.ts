import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseDocument } from '../../document/document.ts'
import type { Inventory } from '../../inventory/inventory.ts'
import { fromDocument } from '../../inventory/load.ts'
import { granted } from '../../rules/granted.ts'
import { loadRules } from '../../rules/load.ts'
import type { Rule } from '../../rules/match.ts'
import { aclsText } from '../doctor/acls.ts'
import { sudoersText } from '../doctor/sudoers.ts'
import { type Answers, forBroker } from './answers.ts'
import { configText, SECRETS } from './config-text.ts'
import { controllersSpeak, type Found, inventoryText, sshHosts } from './inventory-text.ts'
import { alertmanagerText, scrapesText } from './monitoring-text.ts'
import { rulesText } from './rules-text.ts'
import { shipped, shippedFile } from './shipped.ts'

export interface InitFile {
  /** Below the folder that `init` writes to. */
  readonly path: string
  readonly text: string
  /** Secrets are for their owner alone, and are never printed. */
  readonly secret?: true
  /** One that is there already stays as it is, whatever was asked for: people have made it theirs, or others know it. */
  readonly keep?: true
}

export const RULES = 'rules/kafka.yml'

/** Files that belong on other machines. */
const ELSEWHERE = 'setup'

export type InitFiles = { readonly ok: readonly InitFile[] } | { readonly problems: readonly string[] }

/** Everything that `init` writes to `folder`. What lies under `setup` is for other machines. */
export function initFiles(answers: Answers, found: Found, folder: string): InitFiles {
  const inFolder = (path: string): string => dirname(join(folder, path))
  const elsewhere = (name: string, text: string): InitFile => ({ path: `${ELSEWHERE}/${name}`, text })
  const { brokers } = found.survey
  const read = inventoryOf(answers, found, folder)
  if ('problems' in read) return read
  const principal = answers.saslUser === undefined ? undefined : `User:${answers.saslUser}`
  const sudoers = sudoersText(read.ok, rulesFor(folder))
  const files: readonly InitFile[] = [
    { path: 'config.yml', text: configText(answers, folder) },
    { path: 'inventory.yml', text: inventoryText(answers, found, folder) },
    { path: RULES, text: rulesText(answers.mode, inFolder(RULES)), keep: true },
    { path: SECRETS.webhook, text: `${randomBytes(32).toString('hex')}\n`, secret: true, keep: true },
    { path: SECRETS.api, text: `${randomBytes(16).toString('hex')}\n`, secret: true, keep: true },
    { path: '.gitignore', text: '/secrets/\n/data/\n', keep: true },
    elsewhere('prometheus-scrapes.yml', scrapesText(answers, brokers)),
    elsewhere('kafka.rules.yml', shipped('alerts/kafka.rules.yml')),
    elsewhere('kafka-healing.rules.yml', shipped('alerts/kafka-healing.rules.yml')),
    elsewhere('blackbox.yml', shipped('deploy/prometheus/blackbox.yml')),
    ...(answers.jmxPort === undefined ? [] : [elsewhere('jmx-rules.yml', shipped('deploy/prometheus/jmx-rules.yml'))]),
    elsewhere('alertmanager.yml', alertmanagerText(answers)),
    elsewhere('kafka-acls.sh', aclsText(read.ok, principal)),
    // Where nothing goes through sudo its text only says so.
    ...(sudoers.includes('NOPASSWD') ? [elsewhere('sudoers', sudoers)] : []),
  ]
  return { ok: files }
}

/** Stands for the key of a host that showed none: what is granted does not depend on it. */
const SOME_KEY = `SHA256:${'A'.repeat(43)}`

/** The inventory as the service would read it. */
function inventoryOf(
  answers: Answers,
  found: Found,
  folder: string,
): { readonly ok: Inventory } | { readonly problems: readonly string[] } {
  const without = found.survey.brokers.filter(({ id }) => forBroker(answers.unit, id) === null)
  if (without.length > 0) return { problems: without.map(({ id }) => `--unit names none for broker ${id}`) }
  const theirs = controllersSpeak(answers, found.survey)
  if (theirs.startsWith('SASL_') && answers.saslPasswordFile === undefined)
    return {
      problems: [`the controllers' listeners speak ${theirs}: --sasl-user and --sasl-password-file are missing`],
    }
  const hostKeys = new Map(sshHosts(answers, found.survey).map((host) => [host, SOME_KEY]))
  const text = inventoryText(answers, { ...found, hostKeys }, folder)
  const { document, problems } = parseDocument(join(folder, 'inventory.yml'), text)
  const read = document === null ? { inventory: null, problems } : fromDocument(document, problems)
  return read.inventory === null ? { problems: read.problems.map(({ message }) => message) } : { ok: read.inventory }
}

/** What sudo must allow follows from the rules that will be there, in whatever mode. */
function rulesFor(folder: string): readonly Rule[] {
  const own = join(folder, RULES)
  const file = existsSync(own) ? own : shippedFile(RULES)
  return loadRules([file], { config: null, inventory: null, powers: granted, revision: '' }).rules
}
