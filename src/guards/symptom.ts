import { z } from 'zod'
import { UNIT_KINDS } from '../inventory/inventory.ts'
import { brokerStateOf } from '../probes/broker-state.ts'
import { askInside } from '../probes/inside.ts'
import type { LookContext } from '../probes/probe.ts'
import { isActive } from '../probes/process-state.ts'
import { SCRAPE_LIMIT_MS, scrape } from '../probes/scrape.ts'
import { timesOfLook } from '../probes/unit-state.ts'
import { defineWorldGuard, type Intent } from './guard.ts'
import { escalationOf } from './host-problem.ts'
import { BROKER_SYMPTOMS, type BrokerSymptom, judgeBroker } from './symptom-broker.ts'
import { type Judged, type SymptomFacts, symptomEvidence } from './symptom-facts.ts'
import { judgeScrape } from './symptom-scrape.ts'
import { judgeCrash } from './symptom-unit.ts'
import { type Sought, wantedFor } from './symptom-wanted.ts'
import { clearedByUs, startedByOthers } from './unit-history.ts'
import { nodeOf, readView } from './view-facts.ts'
import { describeUnit, readWitness, type Witness } from './witness.ts'

const params = z.union([
  z.strictObject({ unit: z.literal('crashed').describe('systemd says that the process ended by itself') }),
  z.strictObject({ scrape: z.literal('unanswered').describe('Exporters: its own host cannot scrape it either') }),
  z.strictObject({
    broker: z
      .enum(BROKER_SYMPTOMS)
      .describe(
        'Brokers: `hung`: it served and does not answer, says the cluster or its own host too; `fenced`: the cluster keeps it out; `out-of-sync`: it serves and is out of an ISR',
      ),
  }),
])

/** S-5.4, S-2.5: a direct look sees what the alert says, and nobody stopped it on purpose. */
export const symptom = defineWorldGuard({
  kind: 'world',
  type: 'symptom',
  summary: 'A direct look at the target sees what the alert says.',
  params,
  targets: UNIT_KINDS,
  always: false,
  async facts(wanted, _intent, context): Promise<SymptomFacts> {
    const { target, cluster, kafka, host, memory, signal } = context
    const ask = (one: typeof target) => (one.address ? [kafka.liveness(one.address, undefined, cluster.name)] : [])
    const listener = target.kind === 'broker' || target.kind === 'controller' ? ask(target) : []
    const unit = readWitness(context)
    const [witness, brokers, [liveness = null], answer, more] = await Promise.all([
      unit,
      Promise.all(cluster.brokers.flatMap((broker) => (broker.key === target.key ? listener : ask(broker)))),
      Promise.all(listener),
      'scrape' in wanted && target.address ? scrape(host, target.address, '/metrics', SCRAPE_LIMIT_MS, signal) : null,
      'broker' in wanted && target.kind === 'broker' ? readBroker(wanted.broker, unit, context) : NOTHING_MORE,
    ])
    const node = nodeOf(target.name)
    return { kind: target.kind, node, memory, witness, liveness, brokers, scrape: answer, ...more }
  },
  decide(facts, wanted, intent, now) {
    const judged = judgeUnit(facts, intent) ?? askFirst(facts, intent, judgeLook(wanted, facts))
    const compared = wantedFor(soughtBy(wanted), facts)
    const evidence = symptomEvidence(facts, now).map((one) => {
      const must = compared[one.name]
      return must === undefined ? one : { ...one, wanted: must }
    })
    return { guard: 'symptom', ...judged, evidence }
  },
})

function soughtBy(wanted: z.infer<typeof params>): Sought {
  if ('unit' in wanted) return wanted.unit
  return 'scrape' in wanted ? wanted.scrape : wanted.broker
}

function judgeLook(wanted: z.infer<typeof params>, facts: SymptomFacts): Judged {
  if ('unit' in wanted) return judgeCrash(facts)
  return 'scrape' in wanted ? judgeScrape(facts) : judgeBroker(wanted.broker, facts)
}

type More = Pick<SymptomFacts, 'view' | 'inside' | 'brokerState' | 'processAt'>
const NOTHING_MORE: More = { view: null, inside: null, brokerState: null, processAt: null }

/** What only the symptoms of a live broker need. */
async function readBroker(wanted: BrokerSymptom, reading: Promise<Witness>, context: LookContext): Promise<More> {
  const { memory } = context
  const view = readView(context)
  const witness = await reading
  const active = witness.kind === 'read' && isActive(witness.unit)
  const known = witness.kind === 'read' && memory.servingInvocation === witness.unit.invocationId
  const [seen, inside, brokerState, times] = await Promise.all([
    view,
    wanted === 'hung' && active ? askInside(context) : null,
    wanted !== 'out-of-sync' && active && !known ? brokerStateOf(context) : null,
    wanted === 'out-of-sync' && active ? timesOfLook(context) : null,
  ])
  const processAt = times && !('problem' in times) ? times.processAt : null
  return { view: seen, inside, brokerState, processAt }
}

/** What speaks against touching the unit at all, whatever the symptom. */
function judgeUnit({ witness, memory }: SymptomFacts, intent: Intent): Judged | null {
  if (witness.kind === 'unreadable') {
    const { cause, reason } = witness.problem
    return { verdict: 'unknown', reason: `the unit cannot be read: ${reason}`, ...escalationOf(cause) }
  }
  // Another incident on the target may have started it.
  const ourInvocations = [...intent.ourInvocations, ...memory.ourInvocations]
  // A person who asks for a retry has decided.
  if (intent.byPerson || !startedByOthers(witness, { ...intent, ourInvocations })) return null
  const reason = 'somebody else has started the unit since this incident first looked'
  return { verdict: 'refuse', reason, escalate: 'humanChanged' }
}

/** S-2.5: what was stopped on purpose is started again by a person's word only; all else must hold before they are asked. */
function askFirst({ witness }: SymptomFacts, intent: Intent, judged: Judged): Judged {
  if (judged.verdict !== 'pass' || intent.byPerson || witness.kind !== 'read') return judged
  if (witness.state !== 'stoppedOnPurpose' || clearedByUs(witness, intent)) return judged
  return { verdict: 'refuse', reason: `stopped on purpose: ${describeUnit(witness.unit)}`, approvable: true }
}
