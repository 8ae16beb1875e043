import { fingerprintOf } from '../alert/fingerprint.ts'
import { formatMatcher, type Matcher } from '../alert/matcher.ts'
import { systemClock } from '../clock.ts'
import { formatProblem } from '../document/problem.ts'
import { AlertExplanation, AlertExplanations, IncidentExplanation } from '../http/explain/shapes.ts'
import { whyNoIncident } from '../http/explain/why.ts'
import { present } from '../http/present.ts'
import { loadConfiguration } from '../rules/configuration.ts'
import { explainMatch } from '../rules/explain-match.ts'
import { granted } from '../rules/granted.ts'
import { ClientError, wrongUsage } from './client/error.ts'
import { type ClientOptions, type Session, screenOf, withService } from './client/session.ts'
import { configFile } from './config-file.ts'
import { alertLines, alertsLines } from './explain/alert-lines.ts'
import { askedFor, labelsOf } from './explain/asked-for.ts'
import { incidentLines } from './explain/incident-lines.ts'
import { jsonText } from './json.ts'
import { printable, shown } from './terminal.ts'

export interface ExplainOptions extends ClientOptions {
  readonly full?: boolean
  readonly offline?: boolean
}

/**
 * `kafka-healing explain <incident | fingerprint | matchers>`: why it acted, or why it did not. With `--offline` no service is
 * asked: what the rules on disk would make of these labels.
 */
export async function explain(what: string, options: ExplainOptions): Promise<void> {
  if (options.offline === true) return explainOffline(what, options)
  await withService(options, async (session) => {
    const asked = askedFor(what)
    if ('incident' in asked) return explainIncident(asked.incident, session, options.full === true)
    if ('fingerprint' in asked) return explainAlert(asked.fingerprint, session)
    return explainMatching(asked.matchers, session)
  })
}

async function explainIncident(id: number, session: Session, full: boolean): Promise<void> {
  const path = `/incidents/${id}/explain`
  const answered = await session.ask({ method: 'GET', path }, IncidentExplanation)
  session.print(answered, (value) => incidentLines(value, session.screen, full))
}

async function explainMatching(matchers: readonly Matcher[], session: Session): Promise<void> {
  const body = { matchers: matchers.map(formatMatcher) }
  const answered = await session.ask({ method: 'POST', path: '/explain', body }, AlertExplanations)
  session.print(answered, (value) => alertsLines(value, session.screen, session.propose))
}

async function explainAlert(fingerprint: string, session: Session): Promise<void> {
  const path = `/alerts/${fingerprint}/explain`
  const answered = await session.ask({ method: 'GET', path }, AlertExplanation)
  session.print(answered, (value) => alertLines(value, session.screen, session.propose))
}

function explainOffline(what: string, { config, json }: ExplainOptions): void {
  try {
    const asked = askedFor(what)
    if (!('matchers' in asked)) throw wrongUsage('--offline knows no incidents and no alerts; say the labels of one')
    const labels = labelsOf(asked.matchers)
    const alert = { labels, fingerprint: fingerprintOf(labels) }
    // What is decided here takes no password and no key.
    const loaded = loadConfiguration(configFile(config), granted, process.env, systemClock.now(), 'warning')
    if ('problems' in loaded) throw new ClientError(loaded.problems.map(formatProblem))
    const rules = explainMatch(alert, loaded.ok, null)
    const explanation: AlertExplanation = {
      summary: whyNoIncident(rules, null),
      ...alert,
      alert: null,
      credential: null,
      revision: loaded.ok.revision.name,
      rules: present(rules),
      incidents: [],
    }
    const screen = screenOf(process.stdout, process.env)
    const lines = () => alertLines(explanation, screen, (...args) => shown(['kafka-healing', ...args]))
    process.stdout.write(json === true ? jsonText(explanation) : `${lines().join('\n')}\n`)
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    console.error(error.message.split('\n').map(printable).join('\n'))
    process.exitCode = error.exitCode
  }
}
