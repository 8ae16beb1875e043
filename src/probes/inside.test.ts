import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type KafkaCluster, startKafka } from '../../test/support/kafka.ts'
import { clusterOf, lookContext } from '../../test/support/look.ts'
import { freePort, type Sshd, startSshd, targetOn } from '../../test/support/sshd.ts'
import { systemClock } from '../clock.ts'
import { type OpenHosts, openHosts } from '../hosts/hosts.ts'
import type { Connection, HostPort } from '../inventory/inventory.ts'
import { openKafkaClients } from '../kafka/open-clients.ts'
import { askInside } from './inside.ts'

describe('S-5.4 ApiVersions asked on the broker’s own host', () => {
  let kafka: KafkaCluster
  let sshd: Sshd
  let closed: Sshd
  const opened: OpenHosts[] = []
  const clients = openKafkaClients({ clock: systemClock })

  beforeAll(async () => {
    ;[kafka, sshd, closed] = await Promise.all([
      startKafka({ nodes: 1 }),
      startSshd(),
      startSshd({}, ['AllowTcpForwarding no']),
    ])
    await kafka.serving()
  }, 120_000)
  afterEach(async () => {
    for (const hosts of opened.splice(0)) await hosts.close()
  })
  afterAll(async () => {
    await Promise.all([kafka?.close(), sshd?.stop(), closed?.stop()])
  }, 60_000)

  function ask(connection: Connection, address: HostPort | null = kafka.node(1).address) {
    const hosts = openHosts({ clock: systemClock, log: pino({ level: 'silent' }), ssh: { sendWithinMs: 2_000 } })
    opened.push(hosts)
    const target = targetOn(connection, { address })
    return askInside(lookContext({ target, cluster: clusterOf([target]), host: hosts.hostOf(target), kafka: clients }))
  }

  test('over the pinned SSH connection, and beside it', async () => {
    expect(await ask(sshd.connection())).toMatchObject({ state: 'serving', why: 'ok' })
    expect(await ask({ driver: 'local' })).toMatchObject({ state: 'serving', why: 'ok' })
  })

  test('one that is stopped in its tracks does not answer its own host either', async () => {
    kafka.node(1).signal('SIGSTOP')
    try {
      expect(await ask(sshd.connection())).toMatchObject({ state: 'notServing', why: 'no-answer' })
      expect(await ask({ driver: 'local' })).toMatchObject({ state: 'notServing', why: 'no-answer' })
    } finally {
      kafka.node(1).signal('SIGCONT')
    }
  }, 20_000)

  test('nobody listens: refused, as the host itself met it', async () => {
    const nobody = { host: '127.0.0.1', port: await freePort() }
    expect(await ask(sshd.connection(), nobody)).toMatchObject({ state: 'notServing', why: 'refused' })
  })

  test('a name that the host cannot resolve is unknown', async () => {
    const nowhere = { host: 'no-such-host.invalid', port: 9092 }
    expect(await ask(sshd.connection(), nowhere)).toMatchObject({ state: 'unknown' })
  }, 20_000)

  test('a server that forwards nothing is unknown, and says so', async () => {
    const answer = await ask(closed.connection())
    expect(answer).toMatchObject({ state: 'unknown', why: 'unreachable' })
    expect(answer.detail).toContain('forbids forwarding')
  })

  test('a host that shows another key is asked nothing', async () => {
    const answer = await ask(sshd.connection({ hostKey: 'SHA256:AAAA' }))
    expect(answer).toMatchObject({ state: 'unknown' })
    expect(answer.detail).toContain('the inventory pins')
  })

  test('a host that is frozen keeps nobody waiting for long', async () => {
    const connection = sshd.connection()
    expect(await ask(connection)).toMatchObject({ state: 'serving' })
    sshd.freeze()
    try {
      expect(await ask(connection)).toMatchObject({ state: 'unknown' })
    } finally {
      sshd.thaw()
    }
  }, 20_000)
})
