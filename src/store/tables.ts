import type { Generated } from 'kysely'

type Flag = 0 | 1

/** Every table with its columns; `text` and `integer` only, so that both databases give back equal values. */
export interface Tables {
  schema_version: { one: number; version: number }
  /** Sizes that would take a scan to count. */
  counters: { name: string; value: number }
  pings: { one: number; at: number }

  delivery_groups: {
    id: Generated<number>
    receiver: string
    group_key: string
    external_url: string
    first_at: number
  }
  deliveries: {
    id: Generated<number>
    group_id: number
    status: string
    credential: string | null
    received_at: number
    truncated: number
    firing: number
    resolved: number
    repeats: number
    raw_body: string | null
  }
  rejected: { id: Generated<number>; problem: string; raw_body: string; credential: string | null; received_at: number }
  alerts: {
    fingerprint: string
    status: string
    labels: string
    annotations: string
    starts_at: number
    ends_at: number | null
    generator_url: string
    first_seen_at: number
    seen_at: number
    credential: string | null
  }
  /** What changed, and at the same time the inbox: `pending` until the core has seen it. */
  alert_changes: {
    id: Generated<number>
    delivery: number | null
    fingerprint: string
    change: string
    starts_at: number
    ends_at: number | null
    annotations: string
    generator_url: string
    credential: string | null
    received_at: number
    pending: Flag | null
  }

  plans: { hash: string; body: string }
  incidents: {
    id: Generated<number>
    version: number
    rule: string
    revision: string
    cluster: string | null
    subject_key: string
    target_key: string | null
    mode: string
    rank: number
    state: string
    reason: string
    detail: string
    outcome: string | null
    opened_at: number
    state_since: number
    closed_at: number | null
    attempts: number
    firing: number
    leader: number | null
    owner: string | null
    plan: string
    /** The journal's `opened` names it; a restriction changes `plan` only. */
    opened_plan: string
    body: string
  }
  incident_alerts: { incident: number; fingerprint: string; starts_at: number; firing: Flag }
  journal: {
    id: Generated<number>
    incident: number
    at: number
    event: string
    state: string
    reason: string
    detail: string
    reducer_version: number
  }
  timers: { incident: number; kind: string; due_at: number }
  elections: { target_key: string }
  looks: {
    id: Generated<number>
    incident: number
    kind: string
    look: number
    symptom: Flag
    owner: string | null
    lease_until: number | null
  }
  decisions: {
    id: Generated<number>
    incident: number
    attempt: number | null
    kind: string
    verdict: string
    guard: string | null
    reason: string
    digest: string
    results: string
    /** Null in rows from before it was kept. */
    trace: string | null
    first_at: number
    last_at: number
    count: number
  }

  attempts: {
    id: Generated<number>
    incident: number
    number: number
    rung: number
    rule: string
    /** Both of the moment it was scheduled. */
    revision: string
    plan: string
    cluster: string | null
    target_key: string
    by_person: Flag
    disruptive: Flag
    /** The first start of a crashed target: exempt from the budgets of cluster, rack and everywhere (S-5.10). */
    first_start: Flag
    /** A changing step has begun. */
    changed: Flag
    status: string
    reason: string
    outcome: string | null
    scheduled_at: number
    started_at: number | null
    finished_at: number | null
    owner: string | null
    lease_until: number | null
  }
  steps: {
    key: string
    attempt: number
    step: number
    started_at: number
    finished_at: number | null
    result: string | null
  }
  holds: { key: string; incident: number; attempt: number; taken_at: number }
  targets: {
    key: string
    attempts: number
    heals: string
    suspended_at: number | null
    resumed_at: number | null
    resumed_by: string | null
    cooldown_until: number | null
    cooldown_by: number | null
    serving_at: number | null
    serving_invocation: string | null
    /** JSON: unit invocations that attempts of ours caused, newest first. */
    invocations: string | null
    /** Since when each look has found it out of sync, and the last one that did. */
    missing_since: number | null
    missing_at: number | null
    in_sync_at: number | null
  }

  cluster_baselines: {
    cluster: string
    at: number
    topics: number
    partitions: number
    /** A later view in which much had vanished, not yet confirmed by another one (S-5.5). */
    shrunk_at: number | null
    shrunk_topics: number | null
    shrunk_partitions: number | null
  }

  escalations: {
    id: Generated<number>
    incident: number
    round: number
    kind: string
    level: number
    receivers: string
    reason: string
    summary: string
    revision: string
    created_at: number
    due_at: number
    told_at: number | null
    /** The storm whose mails tell of it instead of one of its own (S-5.9). */
    storm: number | null
  }
  notices: {
    id: Generated<number>
    key: string
    kind: string
    thread: string
    body: string
    created_at: number
    due_at: number
    told_at: number | null
  }
  sightings: { cluster: string; at: number; reaches_nothing: Flag; voters: string; leaderless: string | null }
  storms: {
    id: Generated<number>
    cluster: string
    began_at: number
    bad: string
    total: number
    calm_since: number | null
    failed_starts: number
    failed_target: string | null
    failed_reason: string | null
    ended_at: number | null
  }
  failures: { incident: number; rule: string; cluster: string; target_key: string; at: number }
  demotions: {
    id: Generated<number>
    rule: string
    cluster: string
    /** Empty: the rule on all targets of the cluster. */
    target_key: string
    at: number
    reason: string
    /** Open incidents that it concerns have been restricted. */
    applied: Flag
    resumed_at: number | null
    resumed_by: string | null
  }
  /** What each incident says of its rule (`Track`). */
  track_records: {
    incident: number
    rule: string
    cluster: string | null
    opened_at: number
    facts: string
    alerts: number
    attempt_at: number | null
    healed_at: number | null
  }
  mails: {
    id: Generated<number>
    receiver: string
    recipient: string
    thread: string
    message_id: string
    refs: string
    subject: string
    text: string
    html: string | null
    state: string
    tries: number
    created_at: number
    due_at: number
    sent_at: number | null
    response: string | null
    last_error: string | null
    owner: string | null
    lease_until: number | null
  }
  mail_incidents: { mail: number; incident: number }
  tokens: {
    hash: string
    incident: number
    action: string
    request: number | null
    created_at: number
    expires_at: number
    used_at: number | null
  }

  silences: {
    id: string
    matchers: string
    starts_at: number
    ends_at: number
    author: string
    comment: string
    created_at: number
    updated_at: number
    applied: string
  }
  windows: {
    /** Made from everything else, so that planning again changes nothing. */
    id: string
    name: string
    covers: string
    starts_at: number
    ends_at: number
    comment: string
    applied: string
  }
  pauses: {
    id: Generated<number>
    scope: string
    starts_at: number
    ends_at: number
    ended_by: string | null
    author: string
    comment: string
    applied: string
    /** The next daily mail. */
    tell_at: number | null
  }
}
