import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Lab, startLab } from '../lab/lab.ts'
import { waitFor } from '../lab/wait.ts'
import { deliver, deliveryOf } from '../support/alertmanager.ts'
import { type ApiView, allIncidents, incident } from '../support/api.ts'
import { seeded } from '../support/random.ts'
import { type RuleFile, writeRules } from '../support/rules.ts'
import { type Service, startService } from '../support/service.ts'
import { smallRules } from '../support/small-lab.ts'

export interface TortureOptions {
  /** How often kafka-healing is killed with SIGKILL. */
  readonly rounds: number
  readonly seed: number
  readonly log?: (line: string) => void
}

export interface TortureResult {
  readonly kills: number
  readonly alerts: number
  readonly attempts: number
  /** Steps of which the target saw the beginning. */
  readonly begun: number
  readonly interrupted: number
  readonly mails: number
  /** Empty when every promise held. */
  readonly broken: readonly string[]
}

const A_WAVE = 16
/** From an alert to the end of its rung takes about a second and a half on two busy cores. */
const LONGEST_WAIT_MS = 2_000
const step = join(import.meta.dirname, 'step.sh')

/**
 * Kills kafka-healing at seeded random points while it heals small units, and counts on the target's side: no acknowledged
 * alert missing, a non-repeatable step at most once per key, never two at a time, no mail missing.
 */
export async function torture({ rounds, seed, log = () => {} }: TortureOptions): Promise<TortureResult> {
  const random = seeded(seed)
  const lab = await startLab({ parts: ['ssh', 'mail'] })
  const waves = Math.ceil(rounds / A_WAVE)
  const total = { kills: 0, alerts: 0, attempts: 0, begun: 0, interrupted: 0, mails: 0, broken: [] as string[] }
  let run: Run | null = null
  try {
    const units = Array.from({ length: waves * A_WAVE }, (_, index) => `tiny-${index + 1}`)
    await lab.addSmallUnits(units)
    const steps = join(lab.state.dir, 'steps.log')
    writeRules(lab.healingFolder, rules(steps, units))
    run = new Run(lab, await start(lab), random)
    for (let wave = 0; wave < waves; wave++) {
      const mine = units.slice(wave * A_WAVE, (wave + 1) * A_WAVE)
      await run.wave(mine, Math.min(A_WAVE, rounds - total.kills))
      total.kills = run.kills
      log(`wave ${wave + 1} of ${waves}: ${run.kills} kills`)
    }
    const views = await run.rest()
    await run.service.stop()
    total.alerts = units.length
    judge(views, units, readLog(steps), lab, total)
    return total
  } finally {
    // Where something was broken it still runs.
    await run?.service.kill()
    await lab.down()
  }
}

function start(lab: Lab): Promise<Service> {
  return startService({ config: join(lab.healingFolder, 'config.yml'), listen: `127.0.0.1:${lab.state.ports.healing}` })
}

class Run {
  readonly #lab: Lab
  readonly #random: () => number
  service: Service
  kills = 0

  constructor(lab: Lab, service: Service, random: () => number) {
    this.#lab = lab
    this.service = service
    this.#random = random
  }

  /** One after another a unit dies, its alert is posted, and at a random point of what follows the service is killed. */
  async wave(units: readonly string[], kills: number): Promise<void> {
    for (const [index, unit] of units.entries()) {
      await this.#lab.signalUnit(`${unit}.service`, 'SIGKILL')
      const labels = { alertname: 'SmallUnitDown', cluster: 'orders', exporter: unit }
      await deliver(() => this.service, deliveryOf([{ labels, startsAt: Date.now() }]), this.#lab.webhookToken)
      if (index < kills) await this.#kill()
    }
    await waitFor('the wave to rest', () => this.#resting(), 120_000, 250)
  }

  async #kill(): Promise<void> {
    await pause(this.#random() * LONGEST_WAIT_MS)
    await this.service.kill()
    this.kills++
    this.service = await start(this.#lab)
  }

  /** At rest: over, a person's turn, or refused by a budget, which a torture soon spends. */
  async #resting(): Promise<boolean> {
    const restless = (await allIncidents(this.service)).filter(
      ({ state, reason, detail }) =>
        !['escalated', 'settled', 'closed'].includes(state) &&
        !(reason === 'refused' && /, at most \d+; again at/.test(detail)),
    )
    if (restless.length === 0) return true
    throw new Error(JSON.stringify(restless.map(({ id, state, reason, detail }) => ({ id, state, reason, detail }))))
  }

  async rest(): Promise<readonly ApiView[]> {
    const all = await allIncidents(this.service)
    const views = () => Promise.all(all.map((one) => incident(this.service, one.id)))
    await waitFor(
      'every escalation to be told',
      async () => {
        const untold = (await views()).flatMap(({ incident, escalations, mails }) => [
          ...escalations.filter((row) => row.toldAt === null).map((row) => ({ incident: incident.id, ...row })),
          ...mails.filter((mail) => mail.state !== 'sent').map((mail) => ({ incident: incident.id, ...mail })),
        ])
        if (untold.length === 0) return true
        throw new Error(JSON.stringify(untold).slice(0, 4_000))
      },
      60_000,
      500,
    )
    return views()
  }
}

/** A rule for each unit: what is killed in the middle fails, and one rule that fails on three targets is demoted (S-5.11). */
function rules(stepLog: string, units: readonly string[]): RuleFile {
  const note = { program: { argv: [step, stepLog], where: 'target', limit: 2, repeatable: false } }
  const { rules, runbooks } = smallRules({ runbook: { rungs: [[note, { systemd: { verb: 'start', limit: 2 } }]] } })
  const own = units.map((unit) => ({ ...rules[0], name: unit, match: [`exporter="${unit}"`] }))
  return { rules: own, runbooks }
}

interface StepLog {
  readonly begun: ReadonlyMap<string, number>
  readonly overlaps: readonly string[]
}

function readLog(file: string): StepLog {
  const begun = new Map<string, number>()
  const overlaps: string[] = []
  for (const line of existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []) {
    const [what = '', key = ''] = line.split(' ')
    if (what === 'begin') begun.set(key, (begun.get(key) ?? 0) + 1)
    if (what === 'overlap') overlaps.push(key)
  }
  return { begun, overlaps }
}

function judge(
  views: readonly ApiView[],
  units: readonly string[],
  log: StepLog,
  lab: Lab,
  total: { attempts: number; begun: number; interrupted: number; mails: number; broken: string[] },
): void {
  const { broken } = total
  const subjects = new Set(views.map((view) => JSON.stringify(view.incident)))
  for (const unit of units) {
    if (![...subjects].some((text) => text.includes(`orders/exporter/${unit}"`)))
      broken.push(`the acknowledged alert of ${unit} has no incident`)
  }
  for (const [key, times] of log.begun)
    if (times > 1) broken.push(`step ${key} must not repeat and began ${times} times`)
  for (const key of log.overlaps) broken.push(`step ${key} began while another one ran on its target`)
  const received = lab.mails().map((mail) => mail.raw)
  for (const view of views) {
    const recorded = new Set(view.attempts.flatMap((attempt) => attempt.steps.map((one) => one.key)))
    for (const key of log.begun.keys()) {
      if (key.startsWith(`${view.incident.id}.`) && !recorded.has(key))
        broken.push(`step ${key} ran and is not on record`)
    }
    for (const mail of view.mails) {
      if (!received.some((raw) => raw.includes(mail.messageId))) broken.push(`mail ${mail.messageId} never arrived`)
    }
    if (view.incident.state === 'escalated' && view.escalations.every((row) => row.kind !== 'escalated'))
      broken.push(`incident ${view.incident.id} escalated and told nobody`)
    total.attempts += view.attempts.length
    total.interrupted += view.attempts.filter((attempt) => attempt.status === 'interrupted').length
  }
  total.begun = log.begun.size
  total.mails = received.length
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
