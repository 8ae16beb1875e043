import { afterEach, describe, expect, test } from 'vitest'
import type { FakeBroker } from '../../test/support/fake-broker.ts'
import { CLUSTER_ID, NOWHERE, type Shown, startSurveyedBroker } from '../../test/support/survey-broker.ts'
import { systemClock } from '../clock.ts'
import { type ClusterSurvey, surveyCluster } from './survey.ts'

const fakes: FakeBroker[] = []
afterEach(async () => {
  for (const fake of fakes.splice(0)) await fake.close()
})

async function survey(shown: Shown): Promise<ClusterSurvey | null> {
  const fake = await startSurveyedBroker(shown)
  fakes.push(fake)
  return surveyCluster([fake.address], { clock: systemClock, security: {} })
}

describe('a survey', () => {
  test('tells the whole cluster from one listener', async () => {
    const seen = await survey({
      settings: {
        'log.dirs': '/data/a, /data/b',
        'controller.listener.names': 'CONTROLLER',
        'listener.security.protocol.map': 'CONTROLLER:SSL',
      },
      racks: ['a', null],
      replicas: [1, 2, 4],
    })
    expect(seen).toMatchObject({
      clusterId: CLUSTER_ID,
      brokers: [
        { id: 1, host: '127.0.0.1', rack: 'a', fenced: false, data: ['/data/a', '/data/b'], problem: null },
        { id: 2, rack: null, data: ['/data/a', '/data/b'] },
      ],
      controllers: { kind: 'kraft', listeners: [{ host: 'c1', port: 9093 }], missing: [], protocol: 'SSL' },
      unlisted: [4],
      fragile: [],
      problems: [],
    })
  })

  test('names topics of which no replica can be missed', async () => {
    expect(await survey({ replicas: [1] })).toMatchObject({ fragile: ['orders'] })
  })

  test('takes the directories in use where the settings are hidden, or name none in full', async () => {
    const used = { logDirs: ['/var/lib/kafka'] }
    expect((await survey({ ...used, settingsError: 31 }))?.brokers).toMatchObject([{ data: ['/var/lib/kafka'] }])
    expect((await survey({ ...used, settings: { 'log.dirs': 'data' } }))?.brokers).toMatchObject([
      { data: ['/var/lib/kafka'] },
    ])
    expect((await survey({ ...used, settings: { 'log.dir': '/old' } }))?.brokers).toMatchObject([{ data: ['/old'] }])
  })

  test('says why it does not know the directories of a broker that hides them', async () => {
    expect((await survey({ settingsError: 31, logDirsError: 31 }))?.brokers).toMatchObject([
      { data: null, problem: 'DescribeConfigs of broker 1: error 31; DescribeLogDirs: error 31' },
    ])
  })

  test('keeps a broker that is down, with what the cluster says of it', async () => {
    const seen = await survey({ settings: { 'log.dirs': '/data' }, fenced: [{ id: 9, ...NOWHERE }] })
    expect(seen?.brokers).toMatchObject([
      { id: 1, data: ['/data'] },
      {
        id: 9,
        rack: 'z',
        fenced: true,
        data: null,
        problem: expect.stringMatching(/^fenced, and not reached .*ECONNREFUSED/),
      },
    ])
    expect(seen?.unlisted).toEqual([2])
  })

  test('is none where nobody answers', async () => {
    expect(await surveyCluster([NOWHERE], { clock: systemClock, security: {} })).toBeNull()
  })
})
