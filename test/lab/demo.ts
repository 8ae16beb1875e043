import { join } from 'node:path'
import { styleText } from 'node:util'
import { type ApiView, incident, incidents } from '../support/api.ts'
import { readMail } from '../support/mime.ts'
import { quickRules, writeRules } from '../support/rules.ts'
import { type Service, startService } from '../support/service.ts'
import { type Lab, startLab } from './lab.ts'
import { waitFor } from './wait.ts'

/** `npm run demo`: a broker dies and lives again before one's eyes; then one that will not come back, and the mail for it. */
async function demo(): Promise<void> {
  say('Bringing up three Kafka brokers, Prometheus, Alertmanager, sshd and a mail server from packages …')
  const lab = await startLab({ name: 'demo' })
  let service: Service | null = null
  const stop = (): void => void end(lab, service).then(() => process.exit(130))
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  try {
    await lab.createTopic('orders')
    writeRules(lab.healingFolder, quickRules())
    service = await startService({
      config: join(lab.healingFolder, 'config.yml'),
      listen: `127.0.0.1:${lab.state.ports.healing}`,
    })
    say(`kafka-healing serves ${service.url}  (Prometheus ${lab.url.prometheus}, Alertmanager ${lab.url.alertmanager})`)
    await heal(lab, service)
    await giveUp(lab, service)
  } finally {
    say('Taking everything down …')
    await end(lab, service)
  }
}

async function heal(lab: Lab, service: Service): Promise<void> {
  say('\n1. kill -9 of broker 2')
  const began = Date.now()
  await lab.signalBroker(2, 'SIGKILL')
  const closed = await follow(lab, service, began, 0)
  await lab.waitHealed()
  say(`   → ${closed.incident.outcome}: ${closed.incident.detail}`)
}

async function giveUp(lab: Lab, service: Service): Promise<void> {
  say('\n2. broker 3 gets an option that it refuses, and kill -9: it will not come back')
  const last = Math.max(0, ...(await incidents(service)).map((one) => one.id))
  const mails = lab.mails().length
  lab.breakBroker(3)
  const began = Date.now()
  await lab.signalBroker(3, 'SIGKILL')
  await follow(lab, service, began, last)
  const mail = await waitFor('the mail', () => lab.mails()[mails], 30_000)
  say(`\n   The mail to ${mail.to.join(', ')}:\n`)
  say(`Subject: ${mail.subject}\n\n${readMail(mail.raw).text}`.replaceAll(/^/gm, '   │ '))
  lab.mendBroker(3)
}

/** Prints each new line of the incident's journal and each change on the outside, with seconds since the kill. */
async function follow(lab: Lab, service: Service, began: number, after: number): Promise<ApiView> {
  const line = (at: number, who: string, what: string): void =>
    say(
      `   ${styleText('dim', `+${((at - began) / 1000).toFixed(1).padStart(5)} s`)}  ${styleText('cyan', who.padEnd(13))} ${what}`,
    )
  line(began, 'you', 'kill -9')
  const shown = new Set<string>()
  const once = (key: string, at: number, who: string, what: string): void => {
    if (shown.has(key)) return
    shown.add(key)
    line(at, who, what)
  }
  return waitFor(
    'the incident to come to rest',
    async () => {
      const firing = (await lab
        .query('ALERTS{alertname="KafkaBrokerDown",alertstate="firing"}')
        .catch(() => [])) as readonly unknown[]
      if (firing.length > 0) once('prometheus', Date.now(), 'Prometheus', 'KafkaBrokerDown fires')
      const one = (await incidents(service)).find((each) => each.rule === 'broker-down' && each.id > after)
      if (!one) return undefined
      const view = await incident(service, one.id)
      for (const [index, row] of view.journal.entries()) {
        const before = view.journal[index - 1]
        if (before?.state === row.state && before.reason === row.reason) continue
        once(
          `journal ${index}`,
          Date.parse(row.at),
          'kafka-healing',
          `${row.event.type.padEnd(18)} → ${row.state} (${row.reason})`,
        )
      }
      for (const attempt of view.attempts) {
        for (const step of attempt.steps) {
          once(
            `${step.key} began`,
            Date.parse(step.startedAt),
            'ssh',
            `attempt ${attempt.attempt}: ${step.type} started on the host`,
          )
          if (step.finishedAt !== null)
            once(
              `${step.key} ended`,
              Date.parse(step.finishedAt),
              'ssh',
              `attempt ${attempt.attempt}: ${step.type} ${step.result?.outcome} (exit ${step.result?.exitCode})`,
            )
        }
      }
      return ['closed', 'settled', 'escalated'].includes(view.incident.state) ? view : undefined
    },
    180_000,
    100,
  )
}

async function end(lab: Lab, service: Service | null): Promise<void> {
  await service?.stop()
  await lab.down()
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

await demo()
