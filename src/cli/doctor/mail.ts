import type { Clock } from '../../clock.ts'
import type { Config, Smtp } from '../../config.ts'
import type { SmtpServer } from '../../notify/email.ts'
import { notifiers } from '../../notify/index.ts'
import { examine, type Finding, failed, type Outcome, ok, warning } from './finding.ts'

/** Shorter than a check, so that the notifier's own words come first. Milliseconds. */
const TIMEOUTS = { connect: 8_000, greeting: 8_000, socket: 8_000, whole: 9_000 }

/** Connects and logs in to each SMTP server, and sends nothing. */
export async function examineMail({ smtp, receivers }: Config, clock: Clock): Promise<readonly Finding[]> {
  if (smtp === null) {
    const outcome = warning(
      'the configuration names no SMTP server: mails wait in the outbox',
      'add `smtp` and `receivers`',
    )
    return examine('mail', 'configured', clock, async () => outcome)
  }
  const servers = [smtp.server, ...(smtp.backup ? [smtp.backup] : [])]
  const found = await Promise.all([
    ...servers.map((server) =>
      examine(`mail ${server.host}:${server.port}`, 'login', clock, (signal) => login(server, smtp, signal)),
    ),
    ...(receivers.size === 0
      ? [examine('mail', 'receivers', clock, async () => warning('no receiver has an address', 'add `receivers`'))]
      : []),
  ])
  return found.flat()
}

async function login(server: SmtpServer, { from }: Smtp, signal: AbortSignal): Promise<Outcome> {
  const notifier = notifiers.email.open({ server, from, timeouts: TIMEOUTS })
  try {
    const problem = await notifier.check({ signal })
    const how = server.encryption === 'none' ? 'without encryption' : `with ${server.encryption.toUpperCase()}`
    const who = server.user === null ? 'without a login' : `as ${server.user}`
    if (problem === null) return ok(`it takes us ${how}, ${who}; nothing was sent`)
    const settings = problem.startsWith('configuration')
    return failed(
      problem,
      settings
        ? 'look at username, password, security and ca_file under `smtp`'
        : 'look at host and port under `smtp`, and at firewalls',
    )
  } finally {
    notifier.close()
  }
}
