import { z } from 'zod'
import { type Instant, iso } from '../clock.ts'
import { formatDuration } from '../duration.ts'
import type { Evidence, GuardResult } from '../incident/verdict.ts'
import { TARGET_KINDS } from '../inventory/inventory.ts'
import type { Liveness } from '../kafka/clients.ts'
import type { LookContext, PromSample, SeenAlert } from '../probes/probe.ts'
import { askFiring, type FiringAnswers, isSeries } from './firing-facts.ts'
import { defineWorldGuard, type Intent } from './guard.ts'
import { describeUnit, readWitness, type Witness } from './witness.ts'

/** Prometheus re-sends a firing alert each minute; a copy older than three missed ones says nothing about now. */
export const FRESH_MS = 3 * 60_000

export interface FiringFacts extends FiringAnswers {
  /** Our own eyes, opened only when neither Prometheus nor Alertmanager can be asked. */
  readonly witness: { readonly liveness: Liveness | null; readonly unit: Witness } | null
}

/**
 * S-5.3: does it still fire? Gates the first attempt only, and what was not run was none; later ones go by symptom. Pending counts as firing: the
 * condition holds. Resolved and gone are no proof of health, so the question then goes to the probes (S-1.3).
 */
export const stillFiring = defineWorldGuard({
  kind: 'world',
  type: 'still-firing',
  summary: 'The alert still fires, says the source that the rule names.',
  params: z.strictObject({}),
  targets: TARGET_KINDS,
  always: true,
  async facts(_params, intent, context): Promise<FiringFacts> {
    const answers = await askFiring(intent.alerts, intent.plan.firing.source, intent.changedByUs, context.monitoring)
    const blind = answers.alertmanager.kind === 'failed' && answers.prometheus.kind === 'failed'
    return { ...answers, witness: blind && isPureStart(intent) ? await readBoth(context) : null }
  },
  decide(facts, _params, intent, now) {
    const { firing } = intent.plan
    if (facts.muted.kind === 'answered') {
      const muted = judgeAlertmanager(intent, facts.muted.seen, now)
      if (muted.quiet) return muted
    }
    if (intent.changedByUs) return say('pass', 'asked before the first attempt only; later ones go by symptom', [])
    if (intent.alerts.length === 0) return gone('no alert of the incident fires', [])
    if (firing.source === 'webhook') return judgeWebhook(intent, firing.maxAgeMs, now)
    const [named, other] =
      firing.source === 'alertmanager' ? [facts.alertmanager, facts.prometheus] : [facts.prometheus, facts.alertmanager]
    if (named.kind === 'answered') {
      return facts.alertmanager.kind === 'answered'
        ? judgeAlertmanager(intent, facts.alertmanager.seen, now)
        : judgePrometheus(intent, facts.prometheus.kind === 'answered' ? facts.prometheus.seen : [], now)
    }
    const why = named.kind === 'failed' ? named.why : 'not asked'
    if (other.kind === 'answered') return judgeStandIn(intent, facts, why, now)
    return judgeOwnEyes(intent, facts, why, now)
  },
})

async function readBoth(context: LookContext): Promise<NonNullable<FiringFacts['witness']>> {
  const { target, kafka } = context
  const asked = target.kind === 'broker' || target.kind === 'controller' ? target.address : null
  const [liveness, unit] = await Promise.all([
    asked ? kafka.liveness(asked, undefined, target.cluster) : null,
    readWitness(context),
  ])
  return { liveness, unit }
}

/** The runbook starts something, and the rung that would run does nothing disruptive. */
function isPureStart({ disruptive, plan }: Intent): boolean {
  return !disruptive && plan.runbook.rungs.some((rung) => rung.some((step) => step.traits.starts))
}

function say(verdict: GuardResult['verdict'], reason: string, evidence: readonly Evidence[]): GuardResult {
  return { guard: 'still-firing', verdict, reason, evidence }
}

function gone(reason: string, evidence: readonly Evidence[]): GuardResult {
  return { ...say('refuse', reason, evidence), gone: true }
}

function judgeWebhook(intent: Intent, maxAgeMs: number | null, now: Instant): GuardResult {
  const newest = Math.max(...intent.alerts.map(({ seenAt }) => seenAt))
  const wanted = maxAgeMs === null ? {} : { wanted: `at most ${formatDuration(maxAgeMs)} old` }
  const evidence = [{ name: 'last notification', value: iso(newest), ...wanted, source: 'webhook', at: now }]
  if (maxAgeMs === null) return say('unknown', 'the rule states no maximal age of a notification', evidence)
  const age = Math.round((now - newest) / 1000)
  return now - newest <= maxAgeMs
    ? say('pass', `notified ${age} s ago`, evidence)
    : say('unknown', `last notified ${age} s ago, wanted within ${maxAgeMs / 1000} s`, evidence)
}

function judgeAlertmanager(intent: Intent, seen: readonly SeenAlert[], now: Instant): GuardResult {
  const ours = new Set(intent.alerts.map(({ fingerprint }) => fingerprint))
  const mine = seen.filter(({ fingerprint }) => ours.has(fingerprint))
  const evidence = mine.slice(0, 20).map((alert) => ({
    name: `alert ${alert.fingerprint}`,
    value: `${alert.state}, updated ${iso(alert.updatedAt)}, ends ${iso(alert.endsAt)}`,
    wanted: `not suppressed, updated less than ${FRESH_MS / 60_000} min ago, not ended`,
    source: 'alertmanager',
    at: now,
  }))
  const current = mine.filter(({ endsAt }) => endsAt > now)
  const fresh = current.filter(({ updatedAt }) => now - updatedAt < FRESH_MS)
  if (fresh.some(({ state }) => state !== 'suppressed')) return say('pass', 'it fires, says Alertmanager', evidence)
  if (fresh.length > 0) {
    return { ...say('hold', 'silenced or inhibited in Alertmanager', evidence), quiet: true }
  }
  if (current.length > 0) {
    return say(
      'unknown',
      `Alertmanager's copy is older than ${FRESH_MS / 60_000} min: Prometheus may not reach it`,
      evidence,
    )
  }
  return gone('Alertmanager shows it no more', evidence)
}

function judgePrometheus(intent: Intent, seen: readonly PromSample[], now: Instant): GuardResult {
  const mine = seen.filter((sample) => intent.alerts.some((alert) => isSeries(alert, sample)))
  const states = [...new Set(mine.map(({ labels }) => labels['alertstate'] ?? ''))].toSorted().join(', ')
  const evidence = [{ name: 'ALERTS', value: states, wanted: 'pending or firing', source: 'prometheus', at: now }]
  if (mine.length > 0) return say('pass', `it is ${states}, says Prometheus`, evidence)
  return gone('Prometheus shows it no more', evidence)
}

/** The rule's source is silent and the other one answers: its yes lets a start go on, its no says nothing. */
function judgeStandIn(intent: Intent, facts: FiringFacts, why: string, now: Instant): GuardResult {
  const [name, stood] =
    facts.alertmanager.kind === 'answered'
      ? ['Alertmanager', judgeAlertmanager(intent, facts.alertmanager.seen, now)]
      : ['Prometheus', judgePrometheus(intent, facts.prometheus.kind === 'answered' ? facts.prometheus.seen : [], now)]
  if (stood.verdict === 'hold') return stood
  if (stood.verdict === 'pass' && isPureStart(intent)) {
    return say('pass', `${stood.reason}; the rule's own source cannot be asked: ${why}`, stood.evidence)
  }
  return say('unknown', `the rule's own source cannot be asked (${why}); ${name} alone is not enough`, stood.evidence)
}

function judgeOwnEyes(intent: Intent, { witness }: FiringFacts, why: string, now: Instant): GuardResult {
  if (!witness || !isPureStart(intent)) return say('unknown', `nobody can be asked whether it still fires: ${why}`, [])
  const { liveness, unit } = witness
  const evidence: Evidence[] = [
    { name: 'probe', value: liveness?.why ?? null, wanted: 'no answer', source: 'probe', at: now },
    {
      name: 'unit',
      value: unit.kind === 'read' ? describeUnit(unit.unit) : null,
      wanted: 'crashed',
      source: unit.source,
      at: now,
    },
  ]
  if (liveness?.state === 'notServing' && unit.kind === 'read' && unit.state === 'crashed') {
    return say('pass', `nobody can be asked (${why}), but the probe and the unit both say that it crashed`, evidence)
  }
  return say('unknown', `nobody can be asked (${why}), and probe and unit do not both say that it crashed`, evidence)
}
