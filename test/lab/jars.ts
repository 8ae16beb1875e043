import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from './ports.ts'
import { isAlive, launch, mustRun, program, type RecordedProcess, record, signal } from './processes.ts'
import { cacheHome } from './state.ts'
import { waitFor } from './wait.ts'

// 4.4.0 lacks one of its own artifacts and 1.0.1 is the newest agent that resolves; never LATEST.
const kafkaVersion = '4.3.1'
const agentVersion = '1.0.1'
const jars = join(cacheHome, `kafka-${kafkaVersion}`)

/** Any valid id: the copies get the lab's own. */
const templateClusterId = 'QUFBQUFBQUFBQUFBQUFBQQ'

const dependency = (group: string, artifact: string, version: string) =>
  `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`

// log4j-core comes with Kafka, the binding to slf4j 1.7 does not: without it the broker is silent.
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>lab</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    ${dependency('org.apache.kafka', 'kafka_2.13', kafkaVersion)}
    ${dependency('org.apache.logging.log4j', 'log4j-slf4j-impl', '2.25.4')}
    ${dependency('io.prometheus.jmx', 'jmx_prometheus_javaagent', agentVersion)}
  </dependencies>
</project>
`

/** Warnings and worse of a broker, on its standard output. */
export const log4j = `Configuration:
  Appenders:
    Console:
      name: out
      PatternLayout:
        pattern: "%d{HH:mm:ss.SSS} %p %c{1} %m%n"
  Loggers:
    Root:
      level: WARN
      AppenderRef:
        - ref: out
`

/** A class path that is the same text for the class archive and for every broker, or the archive is refused. */
const classPath = join(jars, 'lib', '*')
const archive = join(jars, 'kafka.jsa')

/** What every JVM of the lab runs with; the first-tier compiler alone starts a broker twice as fast. */
const jvm = [
  '-Xms128m',
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:MaxMetaspaceSize=128m',
  `-Dlog4j2.configurationFile=file:${join(jars, 'log4j2.yaml')}`,
]

/** The command of a broker whose JMX agent listens on `jmxPort`. */
export function brokerCommand(serverProperties: string, jmxPort: number, jmxRules: string): string[] {
  const agent = join(jars, 'lib', `jmx_prometheus_javaagent-${agentVersion}.jar`)
  return [
    program('java', 'default-jre-headless'),
    ...jvm,
    `-XX:SharedArchiveFile=${archive}`,
    '-Xshare:auto',
    `-javaagent:${agent}=127.0.0.1:${jmxPort}:${jmxRules}`,
    '-cp',
    classPath,
    'kafka.Kafka',
    serverProperties,
  ]
}

/** The folder with Kafka's jars; fetched once for everything that starts a broker. */
export async function kafkaJars(): Promise<string> {
  const lib = join(jars, 'lib')
  mkdirSync(cacheHome, { recursive: true })
  if (!existsSync(lib)) {
    await underLock(async () => {
      if (!existsSync(lib)) await fetchJars()
    })
  }
  return lib
}

/** Fetches the jars, makes the class archive and the formatted data folders, once for all labs. */
export async function fillCache(brokerCount: number): Promise<void> {
  mkdirSync(cacheHome, { recursive: true })
  const ids = Array.from({ length: brokerCount }, (_, index) => index + 1)
  const full = () => existsSync(archive) && ids.every((id) => existsSync(template(id)))
  if (full()) return
  await underLock(async () => {
    if (!existsSync(join(jars, 'lib'))) await fetchJars()
    writeFileSync(join(jars, 'log4j2.yaml'), log4j)
    await Promise.all(ids.filter((id) => !existsSync(template(id))).map(formatTemplate))
    if (!existsSync(archive)) await makeArchive()
  })
}

/** Copies the formatted folder of node `id`, stamped with the lab's cluster id. */
export function copyFormatted(id: number, dataDir: string, clusterId: string): void {
  cpSync(template(id), dataDir, { recursive: true })
  const file = join(dataDir, 'meta.properties')
  writeFileSync(file, readFileSync(file, 'utf8').replace(`cluster.id=${templateClusterId}`, `cluster.id=${clusterId}`))
}

function template(id: number): string {
  return join(jars, `formatted-${id}`)
}

async function fetchJars(): Promise<void> {
  const fresh = `${jars}.new`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true })
  writeFileSync(join(fresh, 'pom.xml'), pom)
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${join(fresh, 'lib')}`]
  await mustRun([program('mvn', 'maven'), '-B', '-q', '-f', join(fresh, 'pom.xml'), ...goal], { timeoutMs: 300_000 })
  renameSync(fresh, jars)
}

async function formatTemplate(id: number): Promise<void> {
  const fresh = `${template(id)}.new`
  rmSync(fresh, { recursive: true, force: true })
  const config = `${fresh}.properties`
  writeFileSync(config, singleNode(id, fresh, 9092, 9093))
  const tool = ['kafka.tools.StorageTool', 'format', '-t', templateClusterId, '-c', config]
  await mustRun([program('java', 'default-jre-headless'), ...jvm, '-cp', classPath, ...tool], { timeoutMs: 120_000 })
  renameSync(fresh, template(id))
}

/** One broker is started without the agent (an agent forbids archiving), asked to end, and leaves the archive behind. */
async function makeArchive(): Promise<void> {
  const work = join(jars, 'archiving')
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work)
  copyFormatted(1, join(work, 'data'), templateClusterId)
  const [port = 0, controllerPort = 0] = await freePorts(2)
  const config = join(work, 'server.properties')
  writeFileSync(config, singleNode(1, join(work, 'data'), port, controllerPort))
  const fresh = `${archive}.new`
  const argv = [program('java', 'default-jre-headless'), ...jvm, `-XX:ArchiveClassesAtExit=${fresh}`, '-cp', classPath]
  const broker = launch([...argv, 'kafka.Kafka', config], join(work, 'log'))
  try {
    await waitFor('the archiving broker to serve', () => answers(port, broker), 90_000, 200)
    signal(broker, 'SIGTERM')
    await waitFor('the class archive', () => !isAlive(broker) && existsSync(fresh), 90_000, 100)
  } finally {
    signal(broker, 'SIGKILL')
  }
  renameSync(fresh, archive)
  rmSync(work, { recursive: true, force: true })
}

async function answers(port: number, broker: RecordedProcess): Promise<boolean> {
  if (!isAlive(broker)) throw new Error('the archiving broker ended')
  const { createConnection } = await import('node:net')
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

function singleNode(id: number, dataDir: string, port: number, controllerPort: number): string {
  return `process.roles=broker,controller
node.id=${id}
controller.quorum.voters=${id}@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
controller.listener.names=CONTROLLER
log.dirs=${dataDir}
`
}

/** One process fills the cache; the others wait. A lock whose holder is gone is taken over. */
async function underLock(work: () => Promise<void>): Promise<void> {
  const lock = join(cacheHome, 'lock.json')
  const mine = record(process.pid)
  await waitFor('another lab to fill the cache', () => take(lock, mine), 600_000, 200)
  try {
    await work()
  } finally {
    rmSync(lock, { force: true })
  }
}

function take(lock: string, mine: RecordedProcess): boolean {
  try {
    writeFileSync(lock, JSON.stringify(mine), { flag: 'wx' })
    return true
  } catch {
    const holder = JSON.parse(readFileSync(lock, 'utf8')) as RecordedProcess
    if (!isAlive(holder) && statSync(lock).isFile()) rmSync(lock, { force: true })
    return false
  }
}
