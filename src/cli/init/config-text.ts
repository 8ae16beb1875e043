import { isLoopback } from '../../config.ts'
import { addressText } from '../../inventory/address.ts'
import type { HostPort } from '../../inventory/inventory.ts'
import type { Answers } from './answers.ts'
import { fileFrom } from './inventory-text.ts'
import { schemaLine } from './shipped.ts'
import { type Remark, yamlText } from './yaml-text.ts'

/** Whom the shipped rules tell. */
const RECEIVER = 'kafka-oncall'
const FLAT = new Set(['webhook', 'api', 'alertmanagers', 'prometheus'])

/** Where the secrets lie that `init` makes, as config.yml names them. */
export const SECRETS = { webhook: 'secrets/webhook-token', api: 'secrets/api-password' } as const

/** Where it listens: where it was told to, else as the URL needs it that others reach it by. */
export function listenOf({ listen, externalUrl }: Answers): HostPort {
  if (listen !== undefined) return listen
  const { hostname, port, protocol } = new URL(externalUrl)
  const host = isLoopback(hostname.replaceAll(/[[\]]/g, '')) ? '127.0.0.1' : '0.0.0.0'
  // Behind https with no port stands somebody else, who passes on.
  return { host, port: Number(port) || (protocol === 'https:' ? 9095 : 80) }
}

/** config.yml: how this instance runs. */
export function configText(answers: Answers, folder: string): string {
  const { externalUrl, prometheus, alertmanager, mailTo } = answers
  const head = [
    schemaLine('config', folder),
    'How this instance runs. Paths are relative to this file. `kafka-healing check` says what is wrong with it.',
  ]
  const value = {
    listen: addressText(listenOf(answers)),
    external_url: externalUrl,
    database: 'data/kafka-healing.db',
    inventory: 'inventory.yml',
    rules: ['rules/*.yml'],
    webhook: { credentials: [{ token_file: SECRETS.webhook }] },
    api: { credentials: [{ username: 'oncall', password_file: SECRETS.api }] },
    ...(alertmanager !== undefined && { alertmanagers: alertmanager.map((url) => ({ url })) }),
    ...(prometheus !== undefined && { prometheus: { url: prometheus } }),
    smtp: smtpFields(answers, folder),
    receivers: { [RECEIVER]: mailTo },
  }
  const before = (key: string, says: string): Remark => ({ at: [key], says, where: 'before' })
  const remarks = [
    before('external_url', 'Links in mails begin with it.'),
    before('webhook', 'Who may post alerts: Alertmanager, with this token.'),
    before('api', 'Who may do everything else: silences, take over, retry, approve …'),
    ...(alertmanager === undefined
      ? []
      : [before('alertmanagers', 'All of them: asked whether an alert still fires, and what was missed.')]),
    before('receivers', 'Names that rules use in `escalation`.'),
  ]
  return withoutVariables(yamlText(head, value, remarks, FLAT))
}

function smtpFields(answers: Answers, folder: string): object {
  const { smtp, smtpSecurity, smtpFrom, smtpUser, smtpPasswordFile, smtpCaFile, mailTo } = answers
  return {
    host: smtp.host,
    ...(smtp.port !== 0 && { port: smtp.port }),
    security: smtpSecurity,
    from: smtpFrom ?? `kafka-healing@${mailTo[0]?.split('@')[1]}`,
    ...(smtpCaFile !== undefined && { ca_file: fileFrom(folder, smtpCaFile) }),
    ...(smtpUser !== undefined && { username: smtpUser }),
    ...(smtpPasswordFile !== undefined && { password_file: fileFrom(folder, smtpPasswordFile) }),
  }
}

/** `${` in a path or a URL is itself, and no variable. */
function withoutVariables(text: string): string {
  return text.replaceAll('${', () => '$${')
}
