import { isAbsolute, relative, resolve } from 'node:path'
import type { Path } from '../../document/document.ts'
import { addressText } from '../../inventory/address.ts'
import type { ListenersFields } from '../../inventory/schema.ts'
import type { BrokerSurveyed, ClusterSurvey } from '../../kafka/survey.ts'
import { type Answers, forBroker } from './answers.ts'
import { schemaLine } from './shipped.ts'
import { type Remark, yamlText } from './yaml-text.ts'

/** By host; null: it showed none. */
export type HostKeys = ReadonlyMap<string, string | null>

export interface Found {
  /** As far as it is believable. */
  readonly survey: ClusterSurvey
  readonly hostKeys: HostKeys
}

/** How many topics a comment names. */
const NAMED = 20
/** Collections that read best on one line. */
const FLAT = new Set(['connection', 'units', 'sasl'])

/** Every machine that is reached by SSH. */
export function sshHosts(answers: Answers, survey: ClusterSurvey): readonly string[] {
  if (answers.driver === 'local') return []
  const hosts = [...survey.brokers.map(({ host }) => host), ...(answers.exporter ? [answers.exporter.host] : [])]
  return [...new Set(hosts)]
}

/** inventory.yml: what the cluster said, what was answered, and a comment wherever something is left to do. */
export function inventoryText(answers: Answers, { survey, hostKeys }: Found, folder: string): string {
  const { brokers } = survey
  const at: Path = ['clusters', answers.cluster]
  const head = [
    schemaLine('inventory', folder),
    'The only things that may ever be touched. A label can choose among these, never add to them.',
    'Written by `kafka-healing init` from what the cluster said of itself.',
  ]
  const cluster = {
    ...(survey.clusterId === null ? {} : { cluster_id: survey.clusterId }),
    bootstrap: brokers.map(addressText),
    ...controllers(survey),
    ...securityFields(answers, survey, folder),
    connection: connectionFields(answers, folder),
    units: unitFields(answers),
    brokers: brokers.map((broker) => brokerFields(broker, brokers, answers, hostKeys)),
    ...exporterFields(answers, hostKeys),
  }
  const remarks = [
    ...clusterRemarks(survey, answers, at),
    ...brokers.flatMap((broker, index) =>
      brokerRemarks(broker, answers, hostKeys, [...at, 'brokers', index], index === 0),
    ),
  ]
  const text = yamlText(head, { clusters: { [answers.cluster]: cluster } }, remarks, FLAT)
  return text + fragileComment(survey)
}

function controllers({ controllers: seen }: ClusterSurvey): object {
  if (seen.kind === 'zookeeper') return { zookeepers: seen.servers.map(addressText) }
  return seen.kind === 'kraft' && seen.listeners.length > 0 ? { controllers: seen.listeners.map(addressText) } : {}
}

/** As `security` is written for a listener; files as seen from `folder`. */
export function listenerFields(
  answers: Pick<Answers, 'caFile' | 'certFile' | 'keyFile' | 'saslMechanism' | 'saslUser' | 'saslPasswordFile'>,
  protocol: Answers['protocol'],
  folder: string,
): ListenersFields {
  const tls = protocol === 'SSL' || protocol === 'SASL_SSL'
  const { caFile, certFile, keyFile, saslMechanism, saslUser, saslPasswordFile } = answers
  return {
    protocol,
    ...(tls && caFile !== undefined && { ca_file: fileFrom(folder, caFile) }),
    ...(tls && certFile !== undefined && { cert_file: fileFrom(folder, certFile) }),
    ...(tls && keyFile !== undefined && { key_file: fileFrom(folder, keyFile) }),
    ...(protocol.startsWith('SASL_') &&
      saslUser !== undefined &&
      saslPasswordFile !== undefined && {
        sasl: { mechanism: saslMechanism, username: saslUser, password_file: fileFrom(folder, saslPasswordFile) },
      }),
  }
}

/** What the controllers' listeners speak: as brokers say of them, else the same as theirs. */
export function controllersSpeak({ protocol }: Answers, { controllers: seen }: ClusterSurvey): Answers['protocol'] {
  return seen.kind === 'kraft' ? (seen.protocol ?? protocol) : protocol
}

function securityFields(answers: Answers, survey: ClusterSurvey, folder: string): object {
  const own = answers.protocol
  const theirs = controllersSpeak(answers, survey)
  if (own === 'PLAINTEXT' && theirs === 'PLAINTEXT') return {}
  return {
    security: {
      ...listenerFields(answers, own, folder),
      ...(theirs !== own && { controllers: listenerFields(answers, theirs, folder) }),
    },
  }
}

function connectionFields({ driver, sshUser, sshPort, sshKey }: Answers, folder: string): object {
  if (driver === 'local') return { driver }
  return {
    driver,
    user: sshUser,
    ...(sshPort !== 22 && { port: sshPort }),
    ...(sshKey !== undefined && { key_file: fileFrom(folder, sshKey) }),
  }
}

function unitFields({ systemctl, driver, sshUser }: Answers): object {
  const how = systemctl ?? (driver === 'ssh' && sshUser !== 'root' ? 'sudo' : 'direct')
  return how === 'user' ? { manager: 'user' } : { manager: 'system', sudo: how === 'sudo' }
}

function brokerFields(
  { id, host, port, rack, data }: BrokerSurveyed,
  all: readonly BrokerSurveyed[],
  answers: Answers,
  hostKeys: HostKeys,
): object {
  const alone = all.filter((other) => other.host === host).length === 1
  const jmx = answers.jmxPort && forBroker(answers.jmxPort, id)
  return {
    id,
    host,
    // `bootstrap` says it where it has one entry for this host.
    ...(alone ? {} : { address: addressText({ host, port }) }),
    unit: forBroker(answers.unit, id),
    ...(rack === null ? {} : { rack }),
    data: data ?? [],
    ...hostKeyFields(host, hostKeys),
    ...(jmx ? { aliases: [addressText({ host, port: jmx })] } : {}),
  }
}

function exporterFields({ exporter, exporterUnit }: Answers, hostKeys: HostKeys): object {
  if (exporter === undefined) return {}
  const { host } = exporter
  const address = addressText(exporter)
  return {
    exporters: [{ name: 'kafka-exporter', host, unit: exporterUnit, address, ...hostKeyFields(host, hostKeys) }],
  }
}

function hostKeyFields(host: string, hostKeys: HostKeys): object {
  const key = hostKeys.get(host)
  return key ? { host_key: key } : {}
}

function clusterRemarks(
  { clusterId, controllers: seen }: ClusterSurvey,
  answers: Answers,
  at: Path,
): readonly Remark[] {
  const before = (key: string, says: string): Remark => ({ at: [...at, key], says, where: 'before' })
  const beside = (key: string, says: string): Remark => ({ at: [...at, key], says, where: 'beside' })
  return [
    clusterId === null
      ? before('bootstrap', 'MISSING cluster_id: the cluster did not say it, and nothing may act without')
      : beside('cluster_id', 'nothing is ever done to another cluster than this one'),
    ...controllerRemarks(seen).map((line) => before('connection', line)),
    ...(answers.driver === 'local'
      ? []
      : [before('units', 'How systemctl is run there; `kafka-healing doctor` says whether it may.')]),
  ]
}

function controllerRemarks(seen: ClusterSurvey['controllers']): readonly string[] {
  if (seen.kind === 'unknown')
    return ['MISSING controllers: no broker said where they are. Name all of them: controllers: [host:9093, …]']
  if (seen.kind === 'zookeeper' || seen.missing.length === 0) return []
  return [`MISSING of controllers: the listeners of ${seen.missing.join(', ')}. All of them must be named.`]
}

function brokerRemarks(
  { host, data, problem, fenced }: BrokerSurveyed,
  answers: Answers,
  hostKeys: HostKeys,
  at: Path,
  first: boolean,
): readonly Remark[] {
  const remark = (key: string, where: Remark['where'], says: string): Remark => ({
    at: [...at, key],
    says,
    where,
  })
  const unseen =
    data === null ? [remark('data', 'beside', `MISSING: put its log.dirs here (${problem ?? 'not said'})`)] : []
  const explained =
    data !== null && first
      ? [remark('data', 'beside', 'write { path: …, mount: true } for each that is a file system of its own')]
      : []
  const keyless =
    answers.driver === 'ssh' && !hostKeys.get(host)
      ? [remark('data', 'before', 'MISSING host_key: the host showed none. `kafka-healing doctor` shows it later.')]
      : []
  const pinned =
    hostKeys.get(host) && first
      ? [remark('host_key', 'beside', 'as the network showed it: compare on the host with `ssh-keygen -lf`')]
      : []
  return [
    ...(fenced ? [remark('id', 'beside', 'was down when this was written')] : []),
    ...keyless,
    ...unseen,
    ...explained,
    ...pinned,
  ]
}

/** Behind everything else, so that taking the mark away is all there is to do. */
function fragileComment({ fragile }: ClusterSurvey): string {
  const names = fragile.filter((topic) => /^[A-Za-z0-9._-]+$/.test(topic)).slice(0, NAMED)
  if (names.length === 0) return ''
  const more = fragile.length > names.length ? ` # and ${fragile.length - names.length} more` : ''
  return [
    '',
    '    # No replica of these topics can be missed (replication factor <= min.insync.replicas), so whatever disrupts one of',
    '    # their brokers needs an approval. Better: more replicas. Or, where they may be away for a while:',
    `    # tolerate_unavailable: [${names.join(', ')}]${more}`,
    '',
  ].join('\n')
}

/** A file as it is named in `folder`: below it relatively, elsewhere in full. */
export function fileFrom(folder: string, file: string): string {
  const path = relative(resolve(folder), resolve(file))
  return path.startsWith('..') || isAbsolute(path) ? resolve(file) : path
}
