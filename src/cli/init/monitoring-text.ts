import { type Document, isMap, isNode, isScalar, isSeq, parseDocument, type YAMLMap } from 'yaml'
import { addressText } from '../../inventory/address.ts'
import type { BrokerSurveyed } from '../../kafka/survey.ts'
import { type Answers, forBroker } from './answers.ts'
import { shipped } from './shipped.ts'

/** Prometheus' own file for scrapes, which may also be named under `scrape_config_files`: nothing but `scrape_configs`. */
const SCRAPES = [
  'Scrapes of one Kafka cluster, as the alerts of kafka-healing need them: every series of a broker carries',
  '`cluster` and `broker_id`, because these two labels are how an alert names what it is about.',
  'Prometheus 2.43 and newer reads this file under `scrape_config_files`; older ones need its entries in prometheus.yml.',
]

/** deploy/prometheus/prometheus.yml with the cluster's own addresses. */
export function scrapesText(answers: Answers, brokers: readonly BrokerSurveyed[]): string {
  const document = parseDocument(shipped('deploy/prometheus/prometheus.yml'))
  for (const key of ['global', 'rule_files', 'alerting']) document.delete(key)
  begin(document, SCRAPES)
  const { cluster, jmxPort, exporter, blackbox, externalUrl } = answers
  const labels = ({ id, host }: BrokerSurveyed) => ({ cluster, broker_id: String(id), host })
  const agents = brokers.flatMap((broker) => {
    const port = jmxPort && forBroker(jmxPort, broker.id)
    return port ? [scraped(addressText({ host: broker.host, port }), labels(broker))] : []
  })
  targets(document, 'kafka-jmx', agents)
  targets(
    document,
    'kafka-tcp',
    brokers.map((broker) => scraped(addressText(broker), labels(broker))),
    'listeners',
  )
  setDeep(jobOf(document, 'kafka-tcp'), ['relabel_configs', 2, 'replacement'], addressText(blackbox))
  targets(
    document,
    'kafka-exporter',
    exporter ? [scraped(addressText(exporter), { cluster, exporter: 'kafka-exporter', host: exporter.host })] : [],
  )
  const { host, protocol } = new URL(externalUrl)
  targets(document, 'kafka-healing', [{ targets: [host] }])
  if (protocol === 'https:') jobOf(document, 'kafka-healing')?.set('scheme', 'https')
  return document.toString({ lineWidth: 120 })
}

/** Another beginning than that of the file that ships. */
function begin(document: Document.Parsed, lines: readonly string[]): void {
  document.commentBefore = lines.map((line) => ` ${line}`).join('\n')
  const { contents } = document
  const first = isMap(contents) ? contents.items[0]?.key : null
  for (const node of [contents, first]) {
    if (!isNode(node)) continue
    node.commentBefore = ''
    node.spaceBefore = false
  }
}

function scraped(target: string, labels: Readonly<Record<string, string>>): object {
  return { targets: [target], labels }
}

/** A job that has nothing to scrape goes. Its list may be named, for another job to take it as well. */
function targets(document: Document.Parsed, name: string, list: readonly object[], anchor?: string): void {
  const job = jobOf(document, name)
  if (list.length === 0) {
    const jobs = document.get('scrape_configs')
    if (!isSeq(jobs) || !job) return
    // What is said of the first one stands before the list.
    if (jobs.items.indexOf(job) === 0) jobs.commentBefore = ''
    jobs.items.splice(jobs.items.indexOf(job), 1)
    return
  }
  const node = document.createNode(list)
  if (anchor !== undefined) node.anchor = anchor
  for (const item of node.items) {
    if (!isMap(item)) continue
    for (const { value } of item.items) if (isMap(value) || isSeq(value)) value.flow = true
  }
  job?.set('static_configs', node)
}

function jobOf(document: Document.Parsed, name: string): YAMLMap | undefined {
  const jobs = document.get('scrape_configs')
  return isSeq(jobs) ? jobs.items.filter(isMap).find((job) => job.get('job_name') === name) : undefined
}

function setDeep(map: YAMLMap | undefined, path: readonly (string | number)[], value: string): void {
  const node = map?.getIn(path, true)
  if (!isScalar(node)) throw new Error(`deploy/prometheus/prometheus.yml has no ${path.join('.')}`)
  node.value = value
}

const ROUTE = [
  'Alertmanager in front of kafka-healing. It is one receiver among others: `continue: true` keeps every Kafka alert going',
  'to the people who had it before. Where there is an Alertmanager already, its alertmanager.yml takes over the routes (first',
  'among its own) and the receiver kafka-healing.',
]

/** deploy/alertmanager/alertmanager.yml with our address, and mail as it was told. */
export function alertmanagerText({ externalUrl, mailTo, smtp, smtpSecurity, smtpFrom, smtpUser }: Answers): string {
  const document = parseDocument(shipped('deploy/alertmanager/alertmanager.yml'))
  begin(document, ROUTE)
  document.setIn(['receivers', 1, 'webhook_configs', 0, 'url'], `${externalUrl.replace(/\/+$/, '')}/webhook`)
  const port = smtp.port || { starttls: 587, tls: 465, plain: 25 }[smtpSecurity]
  document.setIn(['global', 'smtp_smarthost'], addressText({ host: smtp.host, port }))
  document.setIn(['global', 'smtp_from'], `alertmanager@${(smtpFrom ?? mailTo[0])?.split('@')[1]}`)
  if (smtpSecurity === 'plain') document.setIn(['global', 'smtp_require_tls'], false)
  if (smtpUser !== undefined) {
    document.setIn(['global', 'smtp_auth_username'], smtpUser)
    document.setIn(['global', 'smtp_auth_password_file'], '/etc/alertmanager/smtp-password')
  }
  document.setIn(['receivers', 0, 'email_configs', 0, 'to'], mailTo.join(', '))
  return document.toString({ lineWidth: 120 })
}
