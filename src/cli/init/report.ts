import { join } from 'node:path'
import { addressText } from '../../inventory/address.ts'
import type { HostPort } from '../../inventory/inventory.ts'
import type { ClusterSurvey } from '../../kafka/survey.ts'
import { jsonText } from '../json.ts'
import { type Paint, printable, shown } from '../terminal.ts'
import type { InitFile } from './files.ts'
import type { HostKeys } from './inventory-text.ts'

/** What came of it, for people and for programs. */
export interface InitReport {
  readonly folder: string
  readonly written: readonly string[]
  /** Were there already and stay as they are. */
  readonly kept: readonly string[]
  readonly hostKeys: HostKeys
  readonly sshPort: number
  readonly warnings: readonly string[]
  /** What `check` says of the files; those that are errors keep the service from starting. */
  readonly problems: readonly { readonly severity: 'error' | 'warning'; readonly text: string }[]
}

/** What the cluster said, before anything is asked. */
export function seenText(survey: ClusterSurvey, paint: Paint): string {
  const rows = survey.brokers.map(({ id, host, port, rack, data, problem, fenced }) => [
    `broker ${id}`,
    addressText({ host, port }),
    rack === null ? '' : `rack ${rack}`,
    fenced ? 'fenced' : '',
    data === null ? (problem ?? '') : data.join(', '),
  ])
  const { controllers } = survey
  const places = (list: readonly HostPort[]): string => list.map(addressText).join(', ') || 'not said'
  const leaders =
    controllers.kind === 'zookeeper'
      ? ['ZooKeeper', places(controllers.servers)]
      : ['controllers', controllers.kind === 'kraft' ? places(controllers.listeners) : 'not said']
  return `${[paint('bold', `cluster ${printable(survey.clusterId ?? 'without an id')}`), ...table([...rows, leaders])].join('\n')}\n\n`
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const clean = rows.map((row) => row.map(printable))
  const used = [0, 1, 2, 3].filter((column) => clean.some((row) => (row[column] ?? '') !== ''))
  const widths = used.map((column) =>
    Math.max(...clean.filter((row) => row.length > 2 || column === 0).map((row) => row[column]?.length ?? 0)),
  )
  return clean.map((row) => {
    const cells =
      row.length === 2 ? row : [...used.map((column, at) => (row[column] ?? '').padEnd(widths[at] ?? 0)), row[4] ?? '']
    const [first = '', ...rest] = cells
    return `  ${first.padEnd(widths[0] ?? 0)}  ${rest.join('  ')}`.trimEnd()
  })
}

export function reportJson({ hostKeys, sshPort, ...report }: InitReport): string {
  const keys = [...hostKeys].map(([host, key]) => ({ host, port: sshPort, key }))
  return jsonText({ ...report, hostKeys: keys })
}

export function reportText(report: InitReport, paint: Paint): string {
  const { folder, written, kept, warnings, problems } = report
  const list = (texts: readonly string[]): readonly string[] => texts.map((text) => `  ${printable(text)}`)
  const yellow = [...warnings, ...problems.filter(({ severity }) => severity === 'warning').map(({ text }) => text)]
  const red = problems.filter(({ severity }) => severity === 'error').map(({ text }) => text)
  const blocks = [
    [paint('bold', `written to ${folder}`), ...list(written)],
    kept.length === 0 ? [] : [paint('bold', 'kept as they were'), ...list(kept)],
    yellow.length === 0 ? [] : [paint('yellow', 'to look at'), ...list(yellow)],
    red.length === 0 ? [] : [paint('red', 'to fill in before it can start'), ...list(red)],
    keysText(report, paint),
    nextText(report, paint),
  ]
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`
}

/** Whoever sits in between could have shown these; only a person on the host can tell. */
function keysText({ hostKeys, sshPort }: InitReport, paint: Paint): readonly string[] {
  const keys = [...hostKeys].flatMap(([host, key]) =>
    key === null ? [] : [`  ${addressText({ host, port: sshPort })}  ${key}`],
  )
  if (keys.length === 0) return []
  return [
    paint('yellow', 'COMPARE these host keys: they came over the network, and the inventory now trusts them'),
    ...keys,
    '  on each host: for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done',
  ]
}

function nextText({ folder, written }: InitReport, paint: Paint): readonly string[] {
  const has = (path: string): boolean => written.includes(path)
  const at = (path: string): string => shown([join(folder, path)])
  return [
    paint('bold', 'next'),
    ...(has('setup/sudoers')
      ? [`  each host: visudo -f /etc/sudoers.d/kafka-healing, with its lines of ${at('setup/sudoers')}`]
      : []),
    `  Kafka, where it has an authorizer: ${at('setup/kafka-acls.sh')}`,
    `  Prometheus: ${at('setup/prometheus-scrapes.yml')}, both ${at('setup')}/*.rules.yml; the prober: ${at('setup/blackbox.yml')}`,
    `  Alertmanager: ${at('setup/alertmanager.yml')}, and ${at('secrets/webhook-token')} where it looks for its token`,
    `  then: kafka-healing doctor --config ${at('config.yml')}`,
  ]
}

/** What would be written; secrets are only named. */
export function dryText(files: readonly InitFile[], folder: string, paint: Paint): string {
  return files
    .map(
      ({ path, text, secret }) =>
        `${paint('bold', `==> ${join(folder, path)} <==`)}\n${secret ? '(a new secret)\n' : text}`,
    )
    .join('\n')
}
