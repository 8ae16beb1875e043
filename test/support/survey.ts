import type { BrokerSurveyed, ClusterSurvey } from '../../src/kafka/survey.ts'

export function brokerSurveyed(id: number, change: Partial<BrokerSurveyed> = {}): BrokerSurveyed {
  return {
    id,
    host: `kafka-${id}.example.org`,
    port: 9092,
    rack: 'a',
    fenced: false,
    data: ['/var/lib/kafka'],
    problem: null,
    ...change,
  }
}

/** What a healthy cluster of three brokers and three controllers says of itself. */
export function surveyOf(change: Partial<ClusterSurvey> = {}): ClusterSurvey {
  return {
    clusterId: 'MkU3OEVBNTcwNTJENDM2Qk',
    brokers: [1, 2, 3].map((id) => brokerSurveyed(id)),
    controllers: {
      kind: 'kraft',
      listeners: [1, 2, 3].map((id) => ({ host: `kafka-${id}.example.org`, port: 9093 })),
      missing: [],
      protocol: 'PLAINTEXT',
    },
    unlisted: [],
    fragile: [],
    problems: [],
    ...change,
  }
}
