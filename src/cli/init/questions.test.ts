import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { waitFor } from '../../../test/lab/wait.ts'
import { brokerSurveyed, surveyOf } from '../../../test/support/survey.ts'
import type { Told } from './answers.ts'
import { NotAnsweredError, openAsker } from './ask.ts'
import { completed } from './questions.ts'

/** A person who answers each question that holds one of these words, and else takes what is proposed. */
async function talk(told: Told, says: Readonly<Record<string, string>>): Promise<{ told: Told; asked: string[] }> {
  const asked: string[] = []
  const result = await completed(told, surveyOf(), async ({ text, otherwise, problemWith }) => {
    asked.push(text)
    const [, said] = Object.entries(says).find(([word]) => text.includes(word)) ?? []
    const answer = said ?? otherwise
    if (answer === null) throw new Error(`nothing to say to: ${text}`)
    if (answer !== '') expect(problemWith(answer), text).toBeNull()
    return answer
  })
  return { told: result, asked }
}

const must = { 'on call': 'oncall@example.org', 'SMTP server': 'smtp:25' }

describe('questions', () => {
  test('are put for what Kafka cannot know, and what was told is not asked again', async () => {
    const { told, asked } = await talk({ cluster: 'orders', driver: 'local' }, must)
    expect(told).toMatchObject({
      cluster: 'orders',
      unit: 'kafka.service',
      systemctl: 'direct',
      mailTo: 'oncall@example.org',
      smtpFrom: 'kafka-healing@example.org',
      externalUrl: expect.stringMatching(/^http:\/\/.+:9095$/),
    })
    expect(told).not.toHaveProperty('sshUser')
    expect(told).not.toHaveProperty('prometheus')
    expect(asked.join()).not.toContain('Name of the cluster')
    expect(asked.join()).not.toContain('Account')
  })

  test('follow from answers before them', async () => {
    const { told, asked } = await talk(
      { sshKey: import.meta.filename },
      { ...must, kafka_exporter: 'kafka-1:9308', 'User there': 'me', 'user’s password': import.meta.filename },
    )
    expect(told).toMatchObject({
      sshUser: 'healer',
      systemctl: 'sudo',
      exporterUnit: 'kafka-exporter.service',
      smtpUser: 'me',
    })
    expect(asked.join()).toContain('Account on the hosts')
  })

  test('propose a unit for each broker where hosts are shared, and local units where all listen on this machine', async () => {
    const survey = surveyOf({ brokers: [1, 2].map((id) => brokerSurveyed(id, { host: '127.0.0.1' })) })
    const proposed = new Map<string, string | null>()
    await completed({}, survey, async ({ text, otherwise }) => {
      proposed.set(text, otherwise)
      return otherwise ?? 'x'
    })
    const [, unit] = [...proposed].find(([text]) => text.includes('unit of the brokers')) ?? []
    const [, driver] = [...proposed].find(([text]) => text.includes('Where do its units run')) ?? []
    expect([unit, driver]).toEqual(['kafka-{id}.service', 'local'])
  })

  test('that nobody can be asked are answered only where that may be guessed', async () => {
    const told = await completed({}, null, null)
    expect(Object.keys(told).toSorted()).toEqual(['externalUrl', 'smtpFrom', 'smtpSecurity', 'systemctl'])
  })
})

describe('a person at a terminal', () => {
  const open = () => {
    const [input, output] = [new PassThrough(), new PassThrough()]
    let shown = ''
    output.on('data', (chunk: Buffer) => (shown += chunk.toString()))
    return { input, shown: () => shown, asker: openAsker(input, output) }
  }
  const question = (otherwise: string | null) => ({
    text: 'Name',
    otherwise,
    problemWith: (answer: string) => (answer === 'bad\u001b[2J' ? `no ${answer}` : null),
  })

  test('is asked again until the answer has no problem, and may take what is proposed', async () => {
    const { input, shown, asker } = open()
    const first = asker.ask(question(null))
    await waitFor('the question', () => shown().includes('Name: '), 5_000)
    input.write('\nbad\u001b[2J\n good \n')
    expect(await first).toBe('good')
    expect(shown()).toContain('there must be an answer')
    expect(shown()).not.toContain('no bad\u001b[2J')
    const second = asker.ask(question('proposed'))
    await waitFor('the question', () => shown().includes('Name [proposed]: '), 5_000)
    input.write('\n')
    expect(await second).toBe('proposed')
    asker.close()
  })

  test('may go away', async () => {
    const { input, asker } = open()
    const answer = asker.ask(question(null))
    input.end()
    await expect(answer).rejects.toThrow(NotAnsweredError)
  })
})
