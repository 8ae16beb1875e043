/** Real brokers of Kafka 3, the last that ran with ZooKeeper, from Maven's jars. Needs Java and Maven. */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemClock } from '../../src/clock.ts'
import type { HostPort } from '../../src/inventory/inventory.ts'
import { askLiveness } from '../../src/kafka/liveness.ts'
import { program } from '../lab/processes.ts'
import { waitFor } from '../lab/wait.ts'
import { freePorts } from './kafka.ts'
import { mavenJars } from './maven.ts'
import { startZookeepers } from './zookeeper.ts'

const VERSION = '3.9.2'

export interface Kafka3 {
  readonly zookeepers: readonly HostPort[]
  /** Broker ids count from 1. */
  readonly brokers: readonly HostPort[]
  signal(id: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void
  close(): Promise<void>
}

export async function startKafka3(count: number): Promise<Kafka3> {
  const jars = mavenJars(`kafka-${VERSION}`, [['org.apache.kafka', 'kafka_2.13', VERSION]])
  const zookeepers = await startZookeepers(1)
  const home = mkdtempSync(path.join(tmpdir(), 'kafka-healing-kafka3-'))
  const logging = path.join(home, 'log4j.properties')
  writeFileSync(
    logging,
    'log4j.rootLogger=WARN, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\nlog4j.appender.out.layout=org.apache.log4j.SimpleLayout\n',
  )
  const ports = await freePorts(count)
  const connect = zookeepers.addresses.map(({ host, port }) => `${host}:${port}`).join(',')
  const exits: Promise<void>[] = []
  const running = ports.map((port, index) => {
    const directory = path.join(home, String(index + 1))
    mkdirSync(directory)
    const file = path.join(directory, 'server.properties')
    const lines = [
      `broker.id=${index + 1}`,
      `zookeeper.connect=${connect}`,
      'zookeeper.session.timeout.ms=3000',
      `listeners=PLAINTEXT://127.0.0.1:${port}`,
      `log.dirs=${directory}/data`,
      `default.replication.factor=${count}`,
      'min.insync.replicas=1',
      'offsets.topic.num.partitions=1',
      'auto.create.topics.enable=false',
      'num.network.threads=2',
      'num.io.threads=2',
      'log.cleaner.dedupe.buffer.size=4194304',
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
    const out = openSync(path.join(directory, 'log'), 'a')
    const java = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', `-Dlog4j.configuration=file:${logging}`]
    const child = spawn(
      program('java', 'default-jre-headless'),
      [...java, '-cp', `${jars}/*`, 'kafka.Kafka', file],
      // Its own session, or a stopped process would be woken when the starter's process group ends.
      { detached: true, stdio: ['ignore', out, out] },
    )
    closeSync(out)
    exits.push(new Promise((resolve) => child.once('exit', () => resolve())))
    return child
  })
  const cluster: Kafka3 = {
    zookeepers: zookeepers.addresses,
    brokers: ports.map((port) => ({ host: '127.0.0.1', port })),
    signal: (id, signal) => void running[id - 1]?.kill(signal),
    async close() {
      for (const child of running) child.kill('SIGKILL')
      await Promise.all(exits)
      await zookeepers.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
  try {
    for (const [index, address] of cluster.brokers.entries()) {
      const serves = async () => {
        if (running[index]?.exitCode !== null)
          throw new Error(readFileSync(path.join(home, String(index + 1), 'log'), 'utf8').slice(-2000))
        return (await askLiveness(address, { clock: systemClock })).state === 'serving'
      }
      await waitFor(`broker ${index + 1} serves`, serves, 90_000)
    }
    return cluster
  } catch (error) {
    await cluster.close()
    throw error
  }
}
