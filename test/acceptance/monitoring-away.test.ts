import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { type Alertmanagers, addAlertmanager } from '../lab/alertmanagers.ts'
import { type Lab, startLab } from '../lab/lab.ts'
import { waitFor } from '../lab/wait.ts'
import { type ApiView, incident, incidents } from '../support/api.ts'
import { writeRules } from '../support/rules.ts'
import { type Service, startService } from '../support/service.ts'
import { smallRules } from '../support/small-lab.ts'

/** An Alertmanager that is up for less has not heard of everything; Prometheus here tells each every 5 s. Milliseconds. */
const SETTLE_MS = 12_000

let lab: Lab
let parts: Alertmanagers
let service: Service

/** One incident whose unit a person has stopped: it waits, and nothing but monitoring could end it. */
let waiting: ApiView

beforeAll(async () => {
  lab = await startLab({ parts: ['ssh', 'mail', 'monitoring'] })
  await lab.addSmallUnits(['waiting', 'mended', 'ended', 'crashed'], 'serves')
  parts = await addAlertmanager(lab)
  const firing = { source: 'alertmanager' }
  const rules = smallRules({ rule: { match: ['alertname="KafkaUnitDown"', 'exporter!="mended"'], firing } })
  // Nobody looks at this one while its alert fires.
  const later = { name: 'later', match: ['alertname="KafkaUnitDown"', 'exporter="mended"'], after: '1h' }
  writeRules(lab.healingFolder, { ...rules, rules: [...rules.rules, { ...rules.rules[0], ...later }] })
  const file = join(lab.healingFolder, 'config.yml')
  const config = parse(readFileSync(file, 'utf8')) as object
  const alertmanagers = parts.both.map(({ url }) => ({ url, timeout: '1s' }))
  const reconcile = { every: '1s', group_wait: '1s', settle: `${SETTLE_MS}ms` }
  writeFileSync(file, stringify({ ...config, alertmanagers, reconcile }))
  await start()
  await lab.systemctl('stop', 'waiting.service')
  waiting = await stands('waiting', ({ incident: { state, reason } }) => state === 'waiting' && reason !== 'after')
}, 180_000)

afterAll(async () => {
  await service?.stop()
  await lab?.down()
})

beforeEach((context) => {
  context.onTestFailed(() => console.error(service.output().slice(-10_000)))
})

/** `reachable`: where Alertmanager's webhooks come to; else they never arrive. */
async function start(reachable = true): Promise<void> {
  const listen = `127.0.0.1:${reachable ? lab.state.ports.healing : 0}`
  service = await startService({ config: join(lab.healingFolder, 'config.yml'), listen, deadlineMs: 60_000 })
}

async function newest(unit: string): Promise<ApiView | null> {
  const found = (await incidents(service, '?limit=1000'))
    .filter((one) => one.subject.endsWith(`/${unit}`))
    .toSorted((a, b) => b.id - a.id)[0]
  return found ? incident(service, found.id) : null
}

function stands(unit: string, accept: (view: ApiView) => boolean, deadlineMs = 60_000): Promise<ApiView> {
  let seen: unknown = null
  return waitFor(
    `the incident of ${unit}`,
    async () => {
      const view = await newest(unit)
      seen = view?.incident
      return view !== null && accept(view) ? view : undefined
    },
    deadlineMs,
    100,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${JSON.stringify(seen)}`)
  })
}

interface Status {
  readonly reconcile: {
    readonly lastSureAt: string | null
    readonly lastPoll: { readonly at: string; readonly doubt: string | null } | null
  }
}

async function reconciled(): Promise<Status['reconcile']> {
  return ((await service.get('/status')) as Status).reconcile
}

/** Waits until polls say so, and then for three more: long enough for an alert to be called gone. */
async function polls(doubt: RegExp | null, deadlineMs = 60_000): Promise<void> {
  let last = ''
  let more = 3
  await waitFor(
    `polls that say ${doubt}`,
    async () => {
      const poll = (await reconciled()).lastPoll
      if (poll === null || poll.at === last) return undefined
      const says = doubt === null ? poll.doubt === null : doubt.test(poll.doubt ?? '')
      last = poll.at
      if (says) more -= 1
      return says && more < 0
    },
    deadlineMs,
    100,
  ).catch(async (error: unknown) => {
    throw new Error(`${String(error)}\n${JSON.stringify(await reconciled())}`)
  })
}

/** It is the same incident, open, and nothing was run. */
async function isUntouched(): Promise<ApiView> {
  const view = await newest('waiting')
  expect(view?.incident).toMatchObject({ id: waiting.incident.id, outcome: null, closedAt: null, attempts: 0 })
  expect(view?.attempts).toEqual([])
  expect((await lab.unit('waiting.service'))['ActiveState']).toBe('inactive')
  if (view === null) throw new Error('it is not there')
  return view
}

const fires = ({ incident: { firing } }: ApiView): boolean => firing.length > 0

/** All is back: it fires again, in the same incident, and is judged on. */
async function goesOn(): Promise<void> {
  for (const { url } of parts.both) {
    const known = async () => {
      const alerts = (await (await fetch(`${url}/api/v2/alerts`)).json()) as { labels: Record<string, string> }[]
      return alerts.some(({ labels }) => labels['exporter'] === 'waiting')
    }
    await waitFor(`${url} to have been told again`, known, 30_000, 100)
  }
  await polls(null)
  await stands('waiting', (view) => fires(view) && view.incident.state === 'waiting')
  await isUntouched()
}

describe('S-1.4 monitoring is away: nothing is closed and nothing acted on by it, and when it is back it goes on', () => {
  it('both Alertmanagers are restarted empty while Prometheus hangs', async () => {
    await polls(null)
    parts.prometheus.freeze()
    for (const part of parts.both) await part.stop()
    for (const part of parts.both) await part.start()
    await polls(/is up for less than/)
    await polls(/has no Watchdog/)
    const view = await isUntouched()
    // No Alertmanager shows it, and it is held as firing.
    expect(fires(view)).toBe(true)
    parts.prometheus.thaw()
    await goesOn()
  }, 120_000)

  it('Prometheus hangs until all alerts have run out, and then tells of the same occurrences', async () => {
    parts.prometheus.freeze()
    // The webhook says `resolved`: a question, which the probes answer (S-1.3).
    const asked = await stands('waiting', ({ incident: one }) => one.reason === 'symptomWithoutAlert')
    expect(fires(asked)).toBe(false)
    await polls(/has no Watchdog/)
    await isUntouched()
    parts.prometheus.thaw()
    await goesOn()
  }, 120_000)

  it('Prometheus is dead until all alerts have run out, and then tells of new occurrences', async () => {
    await parts.prometheus.stop()
    await stands('waiting', ({ incident: one }) => one.reason === 'symptomWithoutAlert')
    await polls(/has no Watchdog/)
    await isUntouched()
    await parts.prometheus.start()
    await goesOn()
  }, 120_000)

  it('one of two Alertmanagers is away: what only the other one could tell is not gone', async () => {
    const [first, second] = parts.both
    // From now on only the one that hangs knows of it.
    second.freeze()
    await first.stop()
    parts.prometheus.freeze()
    await first.start()
    await polls(/does not answer/)
    expect(fires(await isUntouched())).toBe(true)
    parts.prometheus.thaw()
    second.thaw()
    await goesOn()
  }, 120_000)
})

describe('S-1.4 what happened while nobody could tell us', () => {
  it('an alert that vanished is gone after two polls that know everything, not before, and the probes close it', async () => {
    await lab.systemctl('stop', 'mended.service')
    const open = await stands('mended', (view) => fires(view) && view.incident.state === 'waiting')
    await service.stop()
    await lab.systemctl('start', 'mended.service')
    // Both forget it before they could tell: no webhook will ever say that it is over.
    await waitFor(
      'Prometheus to see it',
      async () => (await lab.query('ALERTS{exporter="mended"}')).length === 0,
      20_000,
    )
    const [first, second] = parts.both
    parts.setWatchdog(false)
    await first.stop()
    await second.stop()
    await first.start()
    await start(false)

    const id = open.incident.id
    const stillOpen = async (): Promise<void> => {
      const view = await incident(service, id)
      expect(view.incident).toMatchObject({ state: 'waiting', closedAt: null })
      expect(fires(view)).toBe(true)
    }
    await polls(/does not answer/)
    await stillOpen()
    await second.start()
    await polls(/has no Watchdog/)
    await stillOpen()
    parts.setWatchdog(true)
    const closed = await stands('mended', (view) => view.incident.state === 'closed')
    expect(closed.incident).toMatchObject({ id, outcome: 'cleared', attempts: 0 })
    expect(closed.journal.map(({ event }) => event.type)).toContain('alertResolved')
    expect(closed.journal.some(({ state }) => state === 'verifying')).toBe(true)
    // The other one is as it was: what the Alertmanagers show is not gone.
    expect(fires(await isUntouched())).toBe(true)
    expect(await service.text('/metrics')).toContain('kafka_healing_reconcile_alerts_total{change="gone"} 1\n')
  }, 180_000)

  it('an alert that fired and whose webhook never came is adopted, and healed', async () => {
    await lab.signalUnit('crashed.service', 'SIGKILL')
    const healed = await stands('crashed', (view) => view.incident.outcome === 'healed')
    expect(healed.attempts.map(({ status }) => status)).toEqual(['succeeded'])
    expect((await lab.unit('crashed.service'))['ActiveState']).toBe('active')
    expect(await service.text('/metrics')).toMatch(/kafka_healing_reconcile_alerts_total\{change="adopted"\} [1-9]/)
  }, 120_000)
})
