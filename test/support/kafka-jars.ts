import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const LAB = path.resolve(import.meta.dirname, '../../.lab')
/** 4.4.0 lacks one of its own artifacts; never LATEST. */
const KAFKA_VERSION = '4.3.1'

const dependency = (group: string, artifact: string, version: string) =>
  `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`

// log4j-core comes with Kafka, the binding to its slf4j does not: without it the broker is silent.
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    ${dependency('org.apache.kafka', 'kafka_2.13', KAFKA_VERSION)}
    ${dependency('org.apache.logging.log4j', 'log4j-slf4j-impl', '2.25.4')}
  </dependencies>
</project>
`

/** The folder with Kafka's jars; fetched once and shared by every suite. */
export function kafkaJars(): string {
  const jars = path.join(LAB, 'jars')
  const there = () => existsSync(path.join(jars, `kafka_2.13-${KAFKA_VERSION}.jar`))
  if (there()) return jars
  mkdirSync(LAB, { recursive: true })
  const work = mkdtempSync(path.join(LAB, 'jars-'))
  try {
    writeFileSync(path.join(work, 'pom.xml'), POM)
    const goal = ['dependency:copy-dependencies', '-DoutputDirectory=lib']
    const copied = spawnSync('mvn', ['-B', '-q', ...goal], { cwd: work, encoding: 'utf8' })
    if (copied.status !== 0) throw new Error(`mvn: ${copied.error?.message ?? copied.stdout + copied.stderr}`)
    // Complete or not there at all: of two suites that fetch at the same time the second finds the folder taken.
    renameSync(path.join(work, 'lib'), jars)
  } catch (error) {
    if (!there()) throw error
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return jars
}
