import { sql } from 'kysely'
import type { Dialect } from '../dialect.ts'
import { fixed, type Query } from '../unit.ts'

/** The tables. Each statement may be run again. Index predicates are literal: a bound parameter is refused there. */
export function tables({ id }: Dialect): readonly Query<unknown>[] {
  const ddl = (build: Parameters<typeof fixed>[0]): Query<unknown> => fixed(build)({})
  return [
    ddl((db) =>
      db.schema
        .createTable('counters')
        .ifNotExists()
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('value', 'integer', (c) => c.notNull()),
    ),
    ddl((db) =>
      db.schema
        .createTable('pings')
        .ifNotExists()
        .addColumn('one', 'integer', (c) => c.primaryKey())
        .addColumn('at', 'bigint', (c) => c.notNull()),
    ),

    ddl((db) =>
      db.schema
        .createTable('delivery_groups')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('receiver', 'text', (c) => c.notNull())
        .addColumn('group_key', 'text', (c) => c.notNull())
        .addColumn('external_url', 'text', (c) => c.notNull())
        .addColumn('first_at', 'bigint', (c) => c.notNull())
        .addUniqueConstraint('delivery_groups_key', ['group_key', 'receiver']),
    ),
    ddl((db) =>
      db.schema
        .createTable('deliveries')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('group_id', 'integer', (c) => c.notNull().references('delivery_groups.id'))
        .addColumn('status', 'text', (c) => c.notNull())
        .addColumn('credential', 'text')
        .addColumn('received_at', 'bigint', (c) => c.notNull())
        .addColumn('truncated', 'integer', (c) => c.notNull())
        .addColumn('firing', 'integer', (c) => c.notNull())
        .addColumn('resolved', 'integer', (c) => c.notNull())
        .addColumn('repeats', 'integer', (c) => c.notNull())
        .addColumn('raw_body', 'text'),
    ),
    ddl((db) => db.schema.createIndex('deliveries_group').ifNotExists().on('deliveries').columns(['group_id'])),
    ddl((db) =>
      db.schema
        .createTable('rejected')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('problem', 'text', (c) => c.notNull())
        .addColumn('raw_body', 'text', (c) => c.notNull())
        .addColumn('credential', 'text')
        .addColumn('received_at', 'bigint', (c) => c.notNull()),
    ),
    ddl((db) =>
      db.schema
        .createTable('alerts')
        .ifNotExists()
        .addColumn('fingerprint', 'text', (c) => c.primaryKey())
        .addColumn('status', 'text', (c) => c.notNull())
        .addColumn('labels', 'text', (c) => c.notNull())
        .addColumn('annotations', 'text', (c) => c.notNull())
        .addColumn('starts_at', 'bigint', (c) => c.notNull())
        .addColumn('ends_at', 'bigint')
        .addColumn('generator_url', 'text', (c) => c.notNull())
        .addColumn('first_seen_at', 'bigint', (c) => c.notNull())
        .addColumn('seen_at', 'bigint', (c) => c.notNull())
        .addColumn('credential', 'text'),
    ),
    // Old resolved alerts for retention; repeats of firing ones leave this index alone.
    ddl((db) =>
      db.schema
        .createIndex('alerts_resolved')
        .ifNotExists()
        .on('alerts')
        .columns(['seen_at'])
        .where(sql.ref('status'), '=', sql.lit('resolved')),
    ),
    ddl((db) =>
      db.schema
        .createTable('alert_changes')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('delivery', 'integer')
        .addColumn('fingerprint', 'text', (c) => c.notNull())
        .addColumn('change', 'text', (c) => c.notNull())
        .addColumn('starts_at', 'bigint', (c) => c.notNull())
        .addColumn('ends_at', 'bigint')
        .addColumn('annotations', 'text', (c) => c.notNull())
        .addColumn('generator_url', 'text', (c) => c.notNull())
        .addColumn('credential', 'text')
        .addColumn('received_at', 'bigint', (c) => c.notNull())
        .addColumn('pending', 'integer'),
    ),
    ddl((db) =>
      db.schema
        .createIndex('alert_changes_pending')
        .ifNotExists()
        .on('alert_changes')
        .columns(['id'])
        .where(sql.ref('pending'), '=', sql.lit(1)),
    ),

    ddl((db) =>
      db.schema
        .createTable('plans')
        .ifNotExists()
        .addColumn('hash', 'text', (c) => c.primaryKey())
        .addColumn('body', 'text', (c) => c.notNull()),
    ),
    ddl((db) =>
      db.schema
        .createTable('incidents')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('version', 'integer', (c) => c.notNull())
        .addColumn('rule', 'text', (c) => c.notNull())
        .addColumn('revision', 'text', (c) => c.notNull())
        .addColumn('cluster', 'text')
        .addColumn('subject_key', 'text', (c) => c.notNull())
        .addColumn('target_key', 'text')
        .addColumn('mode', 'text', (c) => c.notNull())
        .addColumn('rank', 'integer', (c) => c.notNull())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('reason', 'text', (c) => c.notNull())
        .addColumn('detail', 'text', (c) => c.notNull())
        .addColumn('outcome', 'text')
        .addColumn('opened_at', 'bigint', (c) => c.notNull())
        .addColumn('state_since', 'bigint', (c) => c.notNull())
        .addColumn('closed_at', 'bigint')
        .addColumn('attempts', 'integer', (c) => c.notNull())
        .addColumn('firing', 'integer', (c) => c.notNull())
        .addColumn('leader', 'integer')
        .addColumn('owner', 'text')
        .addColumn('plan', 'text', (c) => c.notNull().references('plans.hash'))
        .addColumn('opened_plan', 'text', (c) => c.notNull().references('plans.hash'))
        .addColumn('body', 'text', (c) => c.notNull()),
    ),
    // At most one open incident per rule and subject (S-3.1).
    ddl((db) =>
      db.schema
        .createIndex('incidents_open')
        .ifNotExists()
        .unique()
        .on('incidents')
        .columns(['rule', 'subject_key'])
        .where(sql.ref('state'), '<>', sql.lit('closed')),
    ),
    ddl((db) =>
      db.schema
        .createIndex('incidents_open_target')
        .ifNotExists()
        .on('incidents')
        .columns(['target_key'])
        .where(sql.ref('state'), '<>', sql.lit('closed')),
    ),
    // The few open ones by state; nearly all are closed, and an index on that would only mislead the planner.
    ddl((db) =>
      db.schema
        .createIndex('incidents_open_state')
        .ifNotExists()
        .on('incidents')
        .columns(['state', 'id'])
        .where(sql.ref('state'), '<>', sql.lit('closed')),
    ),
    ddl((db) => db.schema.createIndex('incidents_cluster').ifNotExists().on('incidents').columns(['cluster', 'id'])),
    ddl((db) => db.schema.createIndex('incidents_target').ifNotExists().on('incidents').columns(['target_key', 'id'])),
    ddl((db) => db.schema.createIndex('incidents_rule').ifNotExists().on('incidents').columns(['rule', 'id'])),
    ddl((db) => db.schema.createIndex('incidents_plan').ifNotExists().on('incidents').columns(['plan'])),
    ddl((db) => db.schema.createIndex('incidents_opened_plan').ifNotExists().on('incidents').columns(['opened_plan'])),
    ddl((db) =>
      db.schema
        .createIndex('incidents_closed')
        .ifNotExists()
        .on('incidents')
        .columns(['closed_at'])
        .where(sql.ref('state'), '=', sql.lit('closed')),
    ),
    ddl((db) =>
      db.schema
        .createTable('incident_alerts')
        .ifNotExists()
        .addColumn('incident', 'integer', (c) => c.notNull().references('incidents.id'))
        .addColumn('fingerprint', 'text', (c) => c.notNull())
        .addColumn('starts_at', 'bigint', (c) => c.notNull())
        .addColumn('firing', 'integer', (c) => c.notNull())
        .addPrimaryKeyConstraint('incident_alerts_key', ['incident', 'fingerprint', 'starts_at']),
    ),
    ddl((db) =>
      db.schema
        .createIndex('incident_alerts_fingerprint')
        .ifNotExists()
        .on('incident_alerts')
        .columns(['fingerprint', 'firing']),
    ),
    ddl((db) =>
      db.schema
        .createTable('journal')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('incident', 'integer', (c) => c.notNull().references('incidents.id'))
        .addColumn('at', 'bigint', (c) => c.notNull())
        .addColumn('event', 'text', (c) => c.notNull())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('reason', 'text', (c) => c.notNull())
        .addColumn('detail', 'text', (c) => c.notNull())
        .addColumn('reducer_version', 'integer', (c) => c.notNull()),
    ),
    ddl((db) => db.schema.createIndex('journal_incident').ifNotExists().on('journal').columns(['incident', 'id'])),
    ddl((db) =>
      db.schema
        .createTable('timers')
        .ifNotExists()
        .addColumn('incident', 'integer', (c) => c.notNull().references('incidents.id'))
        .addColumn('kind', 'text', (c) => c.notNull())
        .addColumn('due_at', 'bigint', (c) => c.notNull())
        .addPrimaryKeyConstraint('timers_key', ['incident', 'kind']),
    ),
    ddl((db) => db.schema.createIndex('timers_due').ifNotExists().on('timers').columns(['due_at', 'incident', 'kind'])),
    ddl((db) =>
      db.schema
        .createTable('elections')
        .ifNotExists()
        .addColumn('target_key', 'text', (c) => c.primaryKey()),
    ),
    ddl((db) =>
      db.schema
        .createTable('looks')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('incident', 'integer', (c) => c.notNull().unique().references('incidents.id'))
        .addColumn('kind', 'text', (c) => c.notNull())
        .addColumn('look', 'integer', (c) => c.notNull())
        .addColumn('symptom', 'integer', (c) => c.notNull())
        .addColumn('owner', 'text')
        .addColumn('lease_until', 'bigint'),
    ),
    ddl((db) =>
      db.schema
        .createTable('decisions')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('incident', 'integer', (c) => c.notNull().references('incidents.id'))
        .addColumn('attempt', 'integer')
        .addColumn('kind', 'text', (c) => c.notNull())
        .addColumn('verdict', 'text', (c) => c.notNull())
        .addColumn('guard', 'text')
        .addColumn('reason', 'text', (c) => c.notNull())
        .addColumn('digest', 'text', (c) => c.notNull())
        .addColumn('results', 'text', (c) => c.notNull())
        .addColumn('first_at', 'bigint', (c) => c.notNull())
        .addColumn('last_at', 'bigint', (c) => c.notNull())
        .addColumn('count', 'integer', (c) => c.notNull()),
    ),
    ddl((db) => db.schema.createIndex('decisions_incident').ifNotExists().on('decisions').columns(['incident', 'id'])),

    ddl((db) =>
      db.schema
        .createTable('attempts')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('incident', 'integer', (c) => c.notNull().references('incidents.id'))
        .addColumn('number', 'integer', (c) => c.notNull())
        .addColumn('rung', 'integer', (c) => c.notNull())
        .addColumn('rule', 'text', (c) => c.notNull())
        .addColumn('cluster', 'text')
        .addColumn('target_key', 'text', (c) => c.notNull())
        .addColumn('by_person', 'integer', (c) => c.notNull())
        .addColumn('disruptive', 'integer', (c) => c.notNull())
        .addColumn('changed', 'integer', (c) => c.notNull())
        .addColumn('status', 'text', (c) => c.notNull())
        .addColumn('reason', 'text', (c) => c.notNull())
        .addColumn('outcome', 'text')
        .addColumn('scheduled_at', 'bigint', (c) => c.notNull())
        .addColumn('started_at', 'bigint')
        .addColumn('finished_at', 'bigint')
        .addColumn('owner', 'text')
        .addColumn('lease_until', 'bigint'),
    ),
    // A withdrawn attempt has not begun: its number is given again.
    ddl((db) =>
      db.schema
        .createIndex('attempts_number')
        .ifNotExists()
        .unique()
        .on('attempts')
        .columns(['incident', 'number'])
        .where(sql.ref('status'), '<>', sql.lit('withdrawn')),
    ),
    // At most one started attempt per target (S-4.2), whatever becomes of the holds.
    ddl((db) =>
      db.schema
        .createIndex('attempts_started')
        .ifNotExists()
        .unique()
        .on('attempts')
        .columns(['target_key'])
        .where(sql.ref('status'), '=', sql.lit('started')),
    ),
    ddl((db) =>
      db.schema
        .createIndex('attempts_scheduled')
        .ifNotExists()
        .on('attempts')
        .columns(['id'])
        .where(sql.ref('status'), '=', sql.lit('scheduled')),
    ),
    ddl((db) =>
      db.schema
        .createIndex('attempts_recent')
        .ifNotExists()
        .on('attempts')
        .columns(['started_at'])
        .where(sql.ref('changed'), '=', sql.lit(1)),
    ),
    ddl((db) => db.schema.createIndex('attempts_incident').ifNotExists().on('attempts').columns(['incident'])),
    ddl((db) => db.schema.createIndex('attempts_at').ifNotExists().on('attempts').columns(['scheduled_at', 'id'])),
    ddl((db) =>
      db.schema.createIndex('attempts_cluster').ifNotExists().on('attempts').columns(['cluster', 'scheduled_at', 'id']),
    ),
    ddl((db) =>
      db.schema
        .createIndex('attempts_target')
        .ifNotExists()
        .on('attempts')
        .columns(['target_key', 'scheduled_at', 'id']),
    ),
    ddl((db) =>
      db.schema.createIndex('attempts_rule').ifNotExists().on('attempts').columns(['rule', 'scheduled_at', 'id']),
    ),
    ddl((db) =>
      db.schema.createIndex('attempts_outcome').ifNotExists().on('attempts').columns(['outcome', 'scheduled_at', 'id']),
    ),
    ddl((db) =>
      db.schema
        .createTable('steps')
        .ifNotExists()
        .addColumn('key', 'text', (c) => c.primaryKey())
        .addColumn('attempt', 'integer', (c) => c.notNull().references('attempts.id'))
        .addColumn('step', 'integer', (c) => c.notNull())
        .addColumn('started_at', 'bigint', (c) => c.notNull())
        .addColumn('finished_at', 'bigint')
        .addColumn('result', 'text')
        .addUniqueConstraint('steps_attempt', ['attempt', 'step']),
    ),
    ddl((db) =>
      db.schema
        .createTable('holds')
        .ifNotExists()
        .addColumn('key', 'text', (c) => c.primaryKey())
        .addColumn('incident', 'integer', (c) => c.notNull())
        .addColumn('attempt', 'integer', (c) => c.notNull())
        .addColumn('taken_at', 'bigint', (c) => c.notNull()),
    ),
    ddl((db) =>
      db.schema
        .createTable('targets')
        .ifNotExists()
        .addColumn('key', 'text', (c) => c.primaryKey())
        .addColumn('attempts', 'integer', (c) => c.notNull())
        .addColumn('heals', 'text', (c) => c.notNull())
        .addColumn('suspended_at', 'bigint')
        .addColumn('resumed_at', 'bigint')
        .addColumn('resumed_by', 'text')
        .addColumn('cooldown_until', 'bigint')
        .addColumn('cooldown_by', 'integer')
        .addColumn('serving_at', 'bigint')
        .addColumn('serving_invocation', 'text'),
    ),

    ddl((db) =>
      db.schema
        .createTable('escalations')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('incident', 'integer', (c) => c.notNull().references('incidents.id'))
        .addColumn('round', 'integer', (c) => c.notNull())
        .addColumn('kind', 'text', (c) => c.notNull())
        .addColumn('level', 'integer', (c) => c.notNull())
        .addColumn('receivers', 'text', (c) => c.notNull())
        .addColumn('reason', 'text', (c) => c.notNull())
        .addColumn('summary', 'text', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('due_at', 'bigint', (c) => c.notNull())
        .addColumn('told_at', 'bigint')
        // Exactly one row each (S-6.3).
        .addUniqueConstraint('escalations_once', ['incident', 'round', 'kind', 'level']),
    ),
    ddl((db) =>
      db.schema
        .createIndex('escalations_due')
        .ifNotExists()
        .on('escalations')
        .columns(['due_at', 'id'])
        .where(sql.ref('told_at'), 'is', sql.lit(null)),
    ),
    ddl((db) =>
      db.schema
        .createTable('mails')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('receiver', 'text', (c) => c.notNull())
        .addColumn('recipient', 'text', (c) => c.notNull())
        .addColumn('thread', 'text', (c) => c.notNull())
        .addColumn('message_id', 'text', (c) => c.notNull())
        .addColumn('refs', 'text', (c) => c.notNull())
        .addColumn('subject', 'text', (c) => c.notNull())
        .addColumn('text', 'text', (c) => c.notNull())
        .addColumn('html', 'text')
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('tries', 'integer', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('due_at', 'bigint', (c) => c.notNull())
        .addColumn('sent_at', 'bigint')
        .addColumn('response', 'text')
        .addColumn('last_error', 'text')
        .addColumn('owner', 'text')
        .addColumn('lease_until', 'bigint')
        .addUniqueConstraint('mails_message', ['message_id', 'recipient']),
    ),
    ddl((db) =>
      db.schema
        .createIndex('mails_queued')
        .ifNotExists()
        .on('mails')
        .columns(['due_at', 'id'])
        .where(sql.ref('state'), '=', sql.lit('queued')),
    ),
    ddl((db) =>
      db.schema
        .createIndex('mails_thread')
        .ifNotExists()
        .on('mails')
        .columns(['thread', 'recipient', 'id'])
        .where(sql.ref('state'), '=', sql.lit('queued')),
    ),
    ddl((db) =>
      db.schema
        .createIndex('mails_failed')
        .ifNotExists()
        .on('mails')
        .columns(['id'])
        .where(sql.ref('state'), '=', sql.lit('failed')),
    ),
    ddl((db) =>
      db.schema
        .createTable('mail_incidents')
        .ifNotExists()
        .addColumn('mail', 'integer', (c) => c.notNull().references('mails.id'))
        .addColumn('incident', 'integer', (c) => c.notNull())
        .addPrimaryKeyConstraint('mail_incidents_key', ['incident', 'mail']),
    ),
    ddl((db) => db.schema.createIndex('mail_incidents_mail').ifNotExists().on('mail_incidents').columns(['mail'])),
    ddl((db) =>
      db.schema
        .createTable('tokens')
        .ifNotExists()
        .addColumn('hash', 'text', (c) => c.primaryKey())
        .addColumn('incident', 'integer', (c) => c.notNull())
        .addColumn('action', 'text', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('expires_at', 'bigint', (c) => c.notNull())
        .addColumn('used_at', 'bigint'),
    ),
    ddl((db) => db.schema.createIndex('tokens_incident').ifNotExists().on('tokens').columns(['incident'])),

    ddl((db) =>
      db.schema
        .createTable('silences')
        .ifNotExists()
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('matchers', 'text', (c) => c.notNull())
        .addColumn('starts_at', 'bigint', (c) => c.notNull())
        .addColumn('ends_at', 'bigint', (c) => c.notNull())
        .addColumn('author', 'text', (c) => c.notNull())
        .addColumn('comment', 'text', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('updated_at', 'bigint', (c) => c.notNull())
        .addColumn('applied', 'text', (c) => c.notNull()),
    ),
    ddl((db) =>
      db.schema
        .createTable('pauses')
        .ifNotExists()
        .addColumn('id', 'integer', id)
        .addColumn('scope', 'text', (c) => c.notNull())
        .addColumn('starts_at', 'bigint', (c) => c.notNull())
        .addColumn('ends_at', 'bigint', (c) => c.notNull())
        .addColumn('ended_by', 'text')
        .addColumn('author', 'text', (c) => c.notNull())
        .addColumn('comment', 'text', (c) => c.notNull())
        .addColumn('applied', 'text', (c) => c.notNull()),
    ),
    ...['silences', 'pauses'].map((table) =>
      ddl((db) =>
        db.schema
          .createIndex(`${table}_boundaries`)
          .ifNotExists()
          .on(table)
          .columns(['applied'])
          .where(sql.ref('applied'), '<>', sql.lit('end')),
      ),
    ),
    fixed((db) =>
      db
        .insertInto('counters')
        .values({ name: 'closedIncidents', value: 0 })
        .onConflict((c) => c.doNothing()),
    )({}),
  ]
}
