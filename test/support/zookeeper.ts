/** Real ZooKeeper servers for tests, from Maven's jars, each in its own session so that it can be stopped alone. Needs Java and Maven. */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { HostPort } from '../../src/inventory/inventory.ts'
import { program } from '../lab/processes.ts'
import { freePorts } from './kafka.ts'
import { mavenJars } from './maven.ts'

/** The last line that Kafka 3 worked with. */
const VERSION = '3.8.4'
export interface Zookeepers {
  readonly addresses: readonly HostPort[]
  signal(server: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void
  close(): Promise<void>
}

/** `allowed` is every server's list of four-letter words; its own is srvr. When this returns they need not answer yet. */
export async function startZookeepers(count: 1 | 3, allowed?: string): Promise<Zookeepers> {
  // The server does not start without the metrics and compression that its own pom only wishes for.
  const jars = mavenJars(`zookeeper-${VERSION}`, [
    ['org.apache.zookeeper', 'zookeeper', VERSION],
    ['io.dropwizard.metrics', 'metrics-core', '4.1.12.1'],
    ['org.xerial.snappy', 'snappy-java', '1.1.10.5'],
  ])
  const home = mkdtempSync(path.join(tmpdir(), 'kafka-healing-zookeeper-'))
  writeFileSync(
    path.join(home, 'logback.xml'),
    '<configuration><appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %p %m%n</pattern></encoder></appender><root level="WARN"><appender-ref ref="out"/></root></configuration>',
  )
  const ports = await freePorts(count * 3)
  const place = (server: number, of: 0 | 1 | 2) => ports[server * 3 + of] ?? 0
  const servers = Array.from({ length: count }, (_, server) => server)
  const members =
    count === 1 ? [] : servers.map((one) => `server.${one + 1}=127.0.0.1:${place(one, 1)}:${place(one, 2)}`)
  const exits: Promise<void>[] = []
  const running = servers.map((server) => {
    const directory = path.join(home, String(server))
    mkdirSync(directory)
    writeFileSync(path.join(directory, 'myid'), `${server + 1}\n`)
    const lines = [
      'tickTime=200',
      'initLimit=50',
      'syncLimit=10',
      `dataDir=${directory}`,
      `clientPort=${place(server, 0)}`,
      'clientPortAddress=127.0.0.1',
      'admin.enableServer=false',
      ...(allowed === undefined ? [] : [`4lw.commands.whitelist=${allowed}`]),
      ...members,
    ]
    const file = path.join(directory, 'zoo.cfg')
    writeFileSync(file, `${lines.join('\n')}\n`)
    const out = openSync(path.join(directory, 'log'), 'a')
    const java = [
      '-Xmx64m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      `-Dlogback.configurationFile=${home}/logback.xml`,
    ]
    const main = ['-cp', `${jars}/*`, 'org.apache.zookeeper.server.quorum.QuorumPeerMain', file]
    const child = spawn(program('java', 'default-jre-headless'), [...java, ...main], {
      detached: true,
      stdio: ['ignore', out, out],
    })
    closeSync(out)
    exits.push(new Promise((resolve) => child.once('exit', () => resolve())))
    return child
  })
  return {
    addresses: servers.map((server) => ({ host: '127.0.0.1', port: place(server, 0) })),
    signal: (server, signal) => void running[server]?.kill(signal),
    async close() {
      for (const child of running) child.kill('SIGKILL')
      await Promise.all(exits)
      rmSync(home, { recursive: true, force: true })
    },
  }
}
