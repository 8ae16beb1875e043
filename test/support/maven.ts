import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { program } from '../lab/processes.ts'
import { cacheHome } from '../lab/state.ts'

type Dependency = readonly [group: string, artifact: string, version: string]

/** The folder with the jars of these artifacts and all that they need; fetched once, kept beside the lab's own. */
export function mavenJars(name: string, dependencies: readonly Dependency[]): string {
  const home = path.join(cacheHome, name)
  if (existsSync(home)) return path.join(home, 'lib')
  mkdirSync(cacheHome, { recursive: true })
  const fresh = mkdtempSync(`${home}.`)
  const pom = path.join(fresh, 'pom.xml')
  const wanted = dependencies.map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  )
  writeFileSync(
    pom,
    `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>lab</groupId><artifactId>${name}</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>${wanted.join('')}</dependencies>
</project>
`,
  )
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${path.join(fresh, 'lib')}`]
  const { status, stdout } = spawnSync(program('mvn', 'maven'), ['-B', '-q', '-f', pom, ...goal], {
    encoding: 'utf8',
    timeout: 170_000,
  })
  if (status !== 0) throw new Error(`cannot fetch ${name}: ${stdout}`)
  try {
    renameSync(fresh, home)
  } catch {
    // Somebody else was faster.
    rmSync(fresh, { recursive: true, force: true })
  }
  return path.join(home, 'lib')
}
