import { z } from 'zod'
import { actions } from '../actions/index.ts'
import { duration, size } from '../document/fields.ts'
import { MODES } from '../incident/plan.ts'

/**
 * What a test says of the world: facts, never verdicts. Whatever it does not name is healthy. Durations become
 * milliseconds and sizes bytes; there are no other transforms, so that JSON Schemas can be generated.
 */

const flag = z.boolean({ error: 'expected true or false' })
const count = z.number().int().min(0)
const nodeId = z.number().int().min(0)
const nodeIds = z.array(nodeId)
const text = z.string().min(1, { error: 'must not be empty' })

/** What can be the matter with a unit, in a word. */
export const UNIT_WORDS = [
  'running',
  'starting',
  'recovering',
  'hung',
  'crashed',
  'out-of-memory',
  'auto-restart',
  'stopping',
  'stopped',
  'disabled',
  'masked',
  'never-started',
  'missing',
] as const
export type UnitWord = (typeof UNIT_WORDS)[number]

const UnitFacts = z
  .union([
    z.enum(UNIT_WORDS),
    z.strictObject({
      is: z.enum(UNIT_WORDS).optional().describe('One of the words, of which the rest of this says more'),
      active: z
        .enum(['active', 'reloading', 'inactive', 'failed', 'activating', 'deactivating'])
        .optional()
        .describe('ActiveState'),
      sub: text.optional().describe('SubState, e.g. `auto-restart`'),
      load: z.enum(['loaded', 'masked', 'not-found', 'bad-setting', 'error']).optional().describe('LoadState'),
      file: z.enum(['enabled', 'disabled', 'static', 'masked']).optional().describe('UnitFileState'),
      result: text.optional().describe('Result: success, exit-code, signal, oom-kill, start-limit-hit, timeout, …'),
      code: z
        .enum(['exited', 'killed', 'dumped'])
        .optional()
        .describe('ExecMainCode: how the main process ended; by default it fits the result'),
      status: count.optional().describe('ExecMainStatus: its exit status, or the number of the signal'),
      restarts: count.optional().describe('NRestarts: how often systemd itself has started it since a person did'),
      job: flag.optional().describe('A job for the unit is queued in systemd'),
    }),
  ])
  .describe(
    'The systemd unit: `running`; `starting` and `recovering` (it runs and does not serve yet); `hung` (it served, and answers nobody any more); `crashed` (killed by signal 9); `out-of-memory`; `auto-restart` (systemd is about to start it); `stopping`; `stopped`, `disabled`, `masked` (by somebody); `never-started` (since the host booted); `missing` (the host has no such unit). Or what `systemctl show` says, one by one',
  )

const Startup = z
  .union([duration, z.literal('never')])
  .describe('How long its process takes from its start until it serves; `never`: it runs and never serves')

const onHost = {
  unit: UnitFacts.optional(),
  ago: duration
    .optional()
    .describe('How long ago the unit came into that state: 1m at the start of a test, 0s in a change'),
  started: duration
    .optional()
    .describe('How long ago somebody (neither systemd nor kafka-healing) started it last; 30d by default'),
  booted: duration.optional().describe('How long ago its host booted; 60d by default'),
  startup: Startup.optional(),
  ssh: z
    .enum(['ok', 'unreachable', 'authentication', 'host-key', 'lost'])
    .optional()
    .describe('What comes of a connection to its host; `lost`: it breaks off under every command'),
  hold: flag.optional().describe('/etc/kafka-healing.hold is there on its host'),
  log: z.string().optional().describe('The last lines that its process wrote'),
}

/** What a listener can answer to ApiVersions; `ok`: nothing stands in the way, it answers as its process does. */
const LISTENER = [
  'ok',
  'refused',
  'unreachable',
  'connect-timeout',
  'tls-error',
  'no-answer',
  'closed',
  'not-kafka',
  'error',
] as const

const Listener = z.enum(LISTENER)

const BrokerFacts = z.strictObject({
  ...onHost,
  catch_up: z
    .union([duration, z.literal('never')])
    .optional()
    .describe('How long after it serves its replicas are back in sync; 30s by default'),
  listener: Listener.optional().describe(
    'What lies between kafka-healing and its listener; `ok`: nothing, it answers as its process does',
  ),
  inside: Listener.optional().describe('The same, asked on its own host over SSH'),
  fenced: flag.optional().describe('The cluster keeps it out although it runs; ends when its unit is started anew'),
  lagging: flag
    .optional()
    .describe(
      'It serves, and is out of the ISR of all partitions that others lead; ends when its unit is started anew',
    ),
  logs_to_recover: count
    .optional()
    .describe('Logs and segments it still has to recover, as its metrics say; 12 while it is `recovering`'),
  metrics: flag.optional().describe('Prometheus has its metrics (BrokerState among them); true by default'),
  journal: z
    .enum(['readable', 'unreadable'])
    .optional()
    .describe('Whether our account may read the journal of its unit'),
  disk: z
    .strictObject({ size: size.optional(), free: size.optional() })
    .optional()
    .describe('The file system of its data directories; 100GiB with 60GiB free by default'),
  mounted: flag.optional().describe('Its data directories are mount points; as the inventory wants it by default'),
  meta: z
    .union([
      z.enum(['ok', 'missing', 'unreadable']),
      z.strictObject({ cluster_id: text.optional(), node_id: count.optional() }),
    ])
    .optional()
    .describe('`meta.properties` in its data directories; as the inventory says by default'),
})

const ExporterFacts = z.strictObject({
  ...onHost,
  answers: z
    .union([flag, z.number().int().min(100).max(599)])
    .optional()
    .describe(
      'Whether it answers a scrape on its own host, or with which status; false ends when its unit is started anew',
    ),
})

const TopicFacts = z.strictObject({
  partitions: z.number().int().min(1).max(100_000).optional().describe('1 by default'),
  replicas: nodeIds
    .min(1)
    .optional()
    .describe('Ids of the brokers that hold each partition; the first three by default. Leaders are spread over them'),
  min_isr: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('min.insync.replicas; one less than there are replicas, at most 2, by default'),
  isr: nodeIds
    .optional()
    .describe('In sync in every partition. A replica that is left out catches up once its broker is started anew'),
  leader: z
    .number()
    .int()
    .min(-1)
    .optional()
    .describe('Leads every partition; -1: none does. By default who is in sync'),
  elr: nodeIds.optional().describe('Eligible leader replicas (Kafka 4)'),
  last_known_elr: nodeIds.optional().describe('Last known eligible leader replicas (Kafka 4)'),
  hidden: flag.optional().describe('Our account does not see it any more, or it was deleted'),
})

const ControllersFacts = z
  .strictObject({
    voters: nodeIds
      .optional()
      .describe(
        "Node ids in the order of the inventory's `controllers`; by default those of the brokers on the same hosts",
      ),
    leader: z.union([nodeId, z.null()]).optional().describe('Who leads; null: nobody does (frozen)'),
    lagging: nodeIds.optional().describe('Voters that are behind the leader'),
    silent: nodeIds.optional().describe('Controllers that are dead: their ports refuse connections'),
    unreachable: nodeIds.optional().describe('Controllers that do not answer us, dead or not'),
    refused: nodeIds.optional().describe('Controllers that do not let us in (no right, login, TLS)'),
  })
  .describe('The metadata quorum (KRaft). A controller in the process of a broker lives and dies with it')

const ClusterFacts = z.strictObject({
  brokers: z.record(z.string().regex(/^\d+$/, { error: 'expected the id of a broker' }), BrokerFacts).optional(),
  exporters: z.record(z.string(), ExporterFacts).optional(),
  topics: z
    .record(z.string(), TopicFacts)
    .optional()
    .describe('All topics there are; without any there is one healthy topic with a partition for each broker'),
  controllers: ControllersFacts.optional(),
  zookeepers: z
    .record(z.string(), z.enum(['leader', 'follower', 'standalone', 'observer', 'silent']))
    .optional()
    .describe('By address, as the inventory writes it'),
  reassignments: z
    .array(
      z.strictObject({
        topic: text,
        partition: count,
        replicas: nodeIds
          .optional()
          .describe('Replicas during the move; those of the topic and the added ones by default'),
        adding: nodeIds.optional(),
        removing: nodeIds.optional(),
      }),
    )
    .optional()
    .describe('Partitions that are being moved'),
  rights: z
    .array(z.enum(['DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER', 'ALTER_CONFIGS']))
    .optional()
    .describe('What our account may do on the cluster; all of it by default. Without DESCRIBE nothing is shown'),
  cluster_id: text.optional().describe("What the brokers say; the inventory's by default"),
  unread: z
    .array(z.enum(['metadata', 'minInsyncReplicas', 'eligibleReplicas', 'reassignments', 'fencing']))
    .optional()
    .describe('Parts of a look at the cluster that get no answer'),
  reachable: flag
    .optional()
    .describe('false: nothing of the cluster answers kafka-healing; brokers and hosts are well'),
  startup: Startup.optional(),
  catch_up: duration.optional().describe('See brokers; 30s by default'),
  session: duration.optional().describe('How long a broker may be silent before the cluster fences it; 9s by default'),
})

const MonitoringFacts = {
  prometheus: z
    .strictObject({
      answers: flag.optional().describe('true by default, where the configuration names a Prometheus'),
      queries: z
        .record(
          z.string(),
          z.union([
            z.number(),
            z.null(),
            z.array(z.strictObject({ labels: z.record(z.string(), z.string()).optional(), value: z.number() })),
          ]),
        )
        .optional()
        .describe(
          'What Prometheus answers to the queries of runbooks, as they are sent (with `$target.…` filled in): a value, or samples; null: none. A query that is not here cannot be answered',
        ),
    })
    .optional(),
  alertmanager: z
    .strictObject({
      answers: flag.optional().describe('true by default, where the configuration names an Alertmanager'),
      stale: duration.optional().describe('How long ago Prometheus last sent it the alerts that fire; 30s by default'),
    })
    .optional(),
  programs: z
    .record(
      z.string(),
      z.strictObject({
        exit: z.number().int().min(0).max(255).optional().describe('Exit code; 0 by default'),
        output: z.string().optional(),
        hangs: flag.optional().describe('It does not end before its time limit'),
      }),
    )
    .optional()
    .describe(
      'Programs that guards and probes ask: by the whole command, its words separated by blanks, or by the program alone. One that is not here ends with 0',
    ),
}

export const WorldFacts = z
  .object(MonitoringFacts)
  .catchall(ClusterFacts)
  .describe('Clusters of the inventory by name, and `prometheus`, `alertmanager`, `programs`')
  .meta({ id: 'world' })

export const StepFacts = z.strictObject({
  on: text.describe('Key of the target, e.g. orders/broker/2'),
  step: z
    .enum(['start', 'restart', 'reset-failed', ...actions.map(({ type }) => type)])
    .describe('A type of step, or a verb of `systemd` alone'),
  outcome: z
    .enum(['succeeded', 'failed', 'unknown', 'unreachable', 'permission', 'busy'])
    .optional()
    .describe(
      '`succeeded` (default); `failed`: it ends with `exit`, and a unit that was to start dies of it; `unknown`: the connection is lost, and nothing was done; `unreachable`, `permission`, `busy`: it was not run',
    ),
  exit: z.number().int().min(0).max(255).optional().describe('Exit code of what failed; 1 by default'),
  output: z.string().optional().describe('What the program printed, or the process that was to start'),
  takes: duration.optional().describe('How long it lasts'),
  times: z.number().int().min(1).optional().describe('For so many steps; 1 by default'),
  // oxlint-disable-next-line unicorn/no-thenable -- what comes after the step; never a function
  then: WorldFacts.optional().describe('What is different in the world afterwards'),
})

const person = { by: text.optional().describe('`somebody` by default') }
const incident = {
  rule: text.optional().describe('The rule of the incident, where several are open'),
  on: text.optional().describe('Its target or subject, where several are open'),
}
const Scope = z.string().regex(/^(?:all|(?:cluster|target|rule):.+)$/, {
  error: 'expected all, cluster:<name>, target:<key> or rule:<name>',
})

const at = duration.describe('When, counted from the start of the test')

/** What people do, through the API. */
const Deeds = [
  z.strictObject({ at, do: z.enum(['approve', 'retry', 'replan', 'cancel', 'take-over']), ...incident, ...person }),
  z.strictObject({
    at,
    do: z.literal('silence'),
    matchers: z.array(text).min(1),
    for: duration.optional().describe('1h by default'),
    comment: text.optional(),
    ...person,
  }),
  z.strictObject({
    at,
    do: z.literal('pause'),
    scope: Scope,
    for: duration.optional().describe('4h by default'),
    comment: text.optional(),
    ...person,
  }),
  z.strictObject({ at, do: z.literal('resume'), scope: Scope, ...person }),
] as const

export const ChangeFacts = z.union([z.strictObject({ at, world: WorldFacts }), ...Deeds])

export const AlertFacts = z.strictObject({
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()).optional(),
  from: duration.optional().describe('When it begins to fire and is delivered; 0s by default'),
  until: z
    .union([duration, z.literal('healthy')])
    .optional()
    .describe(
      'When it ends; `healthy`: half a minute after what its labels name is well again. Without it it fires on',
    ),
  since: duration.optional().describe('How long before `from` it began, by its startsAt; 0s by default'),
  told: duration.optional().describe('How long after its end Alertmanager delivers that; 0s by default'),
  repeat: duration.optional().describe("Delivered again so often while it fires (Alertmanager's repeat_interval)"),
  muted: z
    .strictObject({ from: duration.optional(), until: duration.optional() })
    .optional()
    .describe('While it is silenced or inhibited in Alertmanager'),
})

/** What a test says that happens; what it expects is another matter. */
export const scenarioFields = {
  start: z.iso
    .datetime({ offset: true, error: 'expected a time such as 2026-01-05T09:00:00Z' })
    .optional()
    .describe('The time at which it begins; Monday 2026-01-05T09:00:00Z by default'),
  mode: z.enum(MODES).optional().describe('The mode of every rule in this test, instead of its own'),
  world: WorldFacts.optional(),
  steps: z.array(StepFacts).optional().describe('What comes of steps, in order. Others do what they are for'),
  alerts: z.array(AlertFacts).optional(),
  changes: z.array(ChangeFacts).optional(),
}
export const Scenario = z.strictObject(scenarioFields)

export type Scenario = z.output<typeof Scenario>
export type WorldFacts = z.output<typeof WorldFacts>
export type ClusterFacts = z.output<typeof ClusterFacts>
export type BrokerFacts = z.output<typeof BrokerFacts>
export type ExporterFacts = z.output<typeof ExporterFacts>
export type TopicFacts = z.output<typeof TopicFacts>
export type UnitFacts = z.output<typeof UnitFacts>
export type StepFacts = z.output<typeof StepFacts>
export type AlertFacts = z.output<typeof AlertFacts>
export type ChangeFacts = z.output<typeof ChangeFacts>
export type Deed = Exclude<ChangeFacts, { readonly world: unknown }>
