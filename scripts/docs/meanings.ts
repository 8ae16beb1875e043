import type { FileKind } from './schemas.ts'

/** How it is written, what it means, and the default where no schema states it. */
export type Meaning = readonly [type: string, text: string, fallback?: string]
type Meanings = Readonly<Record<string, Meaning>>

const below = (path: string, fields: Meanings): Meanings =>
  Object.fromEntries(Object.entries(fields).map(([name, meaning]) => [`${path}.${name}`, meaning]))

const login: Meanings = {
  token: ['text', 'A bearer token. Excludes `username`.'],
  token_file: ['path', 'The file that holds the token.'],
  username: ['text', 'For basic authentication; needs `password` or `password_file`.'],
  password: ['text', 'The password of `username`.'],
  password_file: ['path', 'The file that holds the password.'],
}

const endpoint: Meanings = {
  url: ['URL', 'Its base address, without `/api/…`.'],
  ca_file: ['path', 'CA certificates to believe instead of the system’s own, in PEM.'],
  ...login,
  timeout: ['duration', 'How long one question may take, answer included.'],
}

const server: Meanings = {
  host: ['host', 'Name or address of the server.'],
  port: ['number', 'Its port.', '`587`, `465` or `25`, by `security`'],
  security: ['choice', '`plain` neither encrypts nor checks.'],
  ca_file: ['path', 'CA certificates to believe, in PEM.'],
  server_name: ['host', 'The name in its certificate, where that is not `host`.'],
  username: ['text', 'Needs `password` or `password_file`.'],
  password: ['text', 'The password of `username`.'],
  password_file: ['path', 'The file that holds the password.'],
}

const config: Meanings = {
  listen: ['host:port', 'Where it listens. Beyond this machine it needs credentials below. Taken at start.'],
  external_url: [
    'URL',
    'How people reach it: links in mails begin with it.',
    'where it listens; none when that is every address',
  ],
  database: [
    'path or URL',
    'The SQLite file; its folder is made. Or `postgres://user@host:port/database`, by itself or as `url` below: see [postgresql.md](postgresql.md). Taken at start.',
  ],
  ...below('database', {
    url: ['URL', '`postgres://user@host:port/database`, with `?sslmode=require` for TLS.'],
    password: ['text', 'The password of the user.'],
    password_file: ['path', 'The file that holds the password.'],
    ca_file: ['path', 'CA certificates to believe, in PEM; asks for TLS.'],
    pool: ['number', 'Connections at most.', '`8`'],
  }),
  inventory: ['path', 'The inventory file.'],
  rules: ['paths', 'Files, folders or globs. Files named `*.test.yml` are left out.', '`[rules/*.yml]`'],
  receiver: ['text', "This instance's name among Alertmanager's receivers."],
  webhook: ['section', 'Who may post alerts.'],
  'webhook.credentials': ['list', 'Any one of them opens `POST /webhook`. Empty: everybody may. Taken at start.'],
  ...below('webhook.credentials[]', login),
  'webhook.credentials[].clusters': ['names', 'The only clusters this credential may speak for.'],
  api: ['section', 'Who may read and decide.'],
  'api.credentials': [
    'list',
    'Any one of them opens the routes that need `api`. Empty: everybody may. Taken at start.',
  ],
  ...below('api.credentials[]', login),
  tls: ['section', 'Serves HTTPS. Taken at start.'],
  'tls.cert_file': ['path', 'Certificate chain, in PEM.'],
  'tls.key_file': ['path', 'Its key, in PEM.'],
  allow_unauthenticated: ['choice', 'Exactly these words let it listen beyond this machine without credentials.', ''],
  prometheus: ['section', 'Whom to ask whether an alert still fires, and for the probe `promql`.'],
  ...below('prometheus', endpoint),
  alertmanagers: ['list', 'All Alertmanagers of the cluster; asked whether an alert still fires or is silenced.'],
  ...below('alertmanagers[]', endpoint),
  'alertmanagers[].timeout': [
    'duration',
    'How long one question may take, answer included; the list of all alerts six times as long.',
  ],
  'alertmanagers[].clusters': ['names', 'The only clusters that alerts adopted from it may speak for.'],
  reconcile: ['section', 'How what is known is compared with what the Alertmanagers show.'],
  'reconcile.every': ['duration', 'Time between two polls, from `1s` to `10m`; an alert is gone after two.'],
  'reconcile.group_wait': [
    'duration',
    "The longest `group_wait` of Alertmanager's routes to `receiver`: a younger alert's webhook may still come.",
  ],
  'reconcile.settle': ['duration', 'While an Alertmanager is up for less than this, no alert is called gone.'],
  watchdog: ['section', 'The alert that always fires. While one Alertmanager lacks it, no alert is called gone.'],
  'watchdog.alertname': ['text', 'Its name.'],
  smtp: ['section', 'How mails go out.'],
  ...below('smtp', server),
  'smtp.from': ['text', 'The sender: an address, or `Name <address>`.'],
  'smtp.backup': [
    'section',
    'For mails that the first server refuses for good, or that reached no server three times.',
  ],
  ...below('smtp.backup', server),
  receivers: ['names to addresses', 'Names that rules use in `escalation`; each a list of addresses.', ''],
  'receivers.<name>.emails': ['addresses', 'The same list, written as a key.'],
  notices: ['section', 'Mails that belong to no single incident: storms, rules that only inform now, pauses.'],
  'notices.to': ['receivers', 'Who gets them.', 'every receiver that a rule names'],
  maintenance: ['list', 'Planned work: nothing is done to what a window covers while it lasts.'],
  ...below('maintenance[]', {
    name: ['name', 'Shown in traces and answers; unique.'],
    schedule: ['cron', 'When it begins: minute, hour, day, month, weekday. Either this or `starts`.'],
    starts: ['time', 'When it begins, once: `2026-12-01T02:00:00+01:00`.'],
    duration: ['duration', 'How long it lasts, from when it really begins.'],
    timezone: ['zone', 'Whose clocks the schedule follows, such as `Europe/Berlin`.', '`UTC`'],
    clusters: ['names', 'Covers all of these clusters. Exactly one of `clusters`, `targets` and `matchers`.'],
    targets: ['texts', 'Covers these targets, by their keys such as `orders/broker/1`.'],
    matchers: ['matchers', "Covers incidents with an alert for which all hold, in Alertmanager's syntax."],
    comment: ['text', 'Why. Stands in traces.'],
  }),
  reload: ['section', 'Whether changed files are taken into force by themselves.'],
  'reload.watch': ['true or false', 'Look at the files, and reload when they have changed.'],
  'reload.debounce': [
    'duration',
    'From `100ms` to `10m`: how often they are looked at, and how long they must have stood still.',
  ],
  retention: ['section', 'What is forgotten. Open, untold and unsent things are never.'],
  'retention.days': ['number', 'Closed incidents and deliveries older than this are deleted.'],
  'retention.size': ['size', 'Above this the oldest closed incidents go first, whatever their age.'],
  limits: ['section', 'When the webhook refuses. Taken at start.'],
  'limits.body': ['size', 'Larger bodies are answered 413, and their alerts fetched from Alertmanager.'],
  'limits.inbox': ['number', 'With more changes than this waiting for the core, the webhook answers 503.'],
  log: ['section', 'The log on standard output.'],
  'log.level': ['choice', 'What is logged. The environment variable `LOG_LEVEL` goes before it.'],
}

const listeners: Meanings = {
  protocol: ['choice', "Kafka's name for it, as in `listener.security.protocol.map`."],
  ca_file: ['path', 'Authorities to believe (PEM), relative to this file.', "the system's"],
  cert_file: ['path', 'The client certificate (PEM), for listeners that ask for one. Needs `key_file`.'],
  key_file: ['path', 'Its private key (PEM, without a passphrase).'],
  sasl: ['section', 'The login. Required for the SASL protocols.'],
  'sasl.mechanism': ['choice', 'How to log in.'],
  'sasl.username': ['text', 'Who logs in.'],
  'sasl.password': ['secret', 'The password. `password_file` keeps it out of this file.'],
  'sasl.password_file': ['path', 'A file that holds it, relative to this file.'],
}

const connection: Meanings = {
  driver: ['choice', '`ssh`, or `local` for units on the machine of kafka-healing.'],
  user: ['text', 'The account on the host. Required for `ssh`.'],
  port: ['number', 'The port of sshd.', '`22`'],
  key_file: ['path', 'The private key, relative to this file, mode 600. Required for `ssh`.'],
  host_key: [
    '`SHA256:…`',
    'The pinned host key, as `ssh-keygen -lf` prints it. Required for `ssh`, here or on the target.',
  ],
}

const unit: Meanings = {
  name: ['unit', 'The full name, such as `kafka@1.service`.'],
  manager: ['choice', '`user` is `systemctl --user` of the connecting account.', '`system`'],
  sudo: ['true or false', 'Whether `systemctl` needs `sudo -n`.', 'true over SSH unless the user is root'],
}

const free: Meanings = {
  bytes: ['size', 'At least this much is free on every data directory.', '`1GiB`'],
  ratio: ['number', 'At least this share is free on every data directory.', '`0.02`'],
}

const target: Meanings = {
  host: ['host', 'The host that runs it, as SSH reaches it.'],
  unit: ['unit', 'The systemd unit: its full name, or a section.'],
  ...below('unit', unit),
  connection: ['section', "What differs from the cluster's `connection`."],
  ...below('connection', connection),
  host_key: ['`SHA256:…`', 'The pinned host key. Required for `ssh`, here or in `connection`.'],
  aliases: ['texts', 'Further values of `instance` or `host` that name it.'],
}

const inventory: Meanings = {
  clusters: ['names to sections', 'The clusters by the value of their label `cluster`.'],
  ...below('clusters.<name>', {
    cluster_id: [
      'text',
      "Kafka's cluster id, 22 characters. Required before a rule in mode `act` may reach the cluster.",
    ],
    bootstrap: ['list of host:port', "The brokers' listeners."],
    controllers: [
      'list of host:port',
      "All of the controllers' listeners: who leads is asked of them. Without them a broker is asked, which may hang when the quorum is sick.",
    ],
    zookeepers: [
      'list of host:port',
      "All client ports of the ensemble, for a cluster of ZooKeeper's time. Instead of `controllers`.",
    ],
    security: ['section', "How the brokers' listeners are spoken to.", 'plain text, no login'],
    ...below('security', listeners),
    'security.controllers': ['section', "How the controllers' listeners are, where they differ.", 'as the brokers’'],
    ...below('security.controllers', listeners),
    connection: ['section', 'How hosts are reached; targets may override each field.'],
    ...below('connection', connection),
    units: ['section', 'What holds for units that do not say it themselves.'],
    'units.manager': unit['manager'] ?? ['', ''],
    'units.sudo': unit['sudo'] ?? ['', ''],
    min_free: ['section', 'What must be free before a broker is touched.'],
    ...below('min_free', free),
    brokers: ['list', 'The brokers. What is not here is never touched.'],
    ...below('brokers[]', {
      id: ['number', '`node.id` (or `broker.id`); the label `broker_id` names it.'],
      ...target,
      address: ['host:port', 'The listener that is probed.', 'the entry of `bootstrap` on `host`'],
      rack: ['text', 'Brokers of one rack are acted on one at a time.'],
      data: ['list', 'Data directories: paths, or sections. At least one is needed before anything may act.'],
      'data[].path': ['path', 'An absolute path; it holds `meta.properties`.'],
      'data[].mount': ['true or false', 'It must be a mount point.'],
      min_free: ['section', "What differs from the cluster's `min_free`."],
      ...below('min_free', free),
    }),
    exporters: ['list', "Exporters with a unit of their own. Never a broker's unit."],
    ...below('exporters[]', {
      name: ['name', 'The label `exporter` names it.'],
      ...target,
      address: ['host:port', 'Where it is scraped, as its own host reaches it.'],
    }),
    tolerate_unavailable: [
      'texts',
      'Topics (`name` or `begins-*`) of which no replica can be missed by design, and that may become unavailable.',
    ],
  }),
}

const rules: Meanings = {
  rules: ['list', 'Tried from top to bottom; the first that matches wins.', ''],
  ...below('rules[]', {
    name: ['name', 'Unique over all files; labels metrics, names pauses.'],
    match: ['matchers', "In Alertmanager's syntax; all must hold."],
    target: ['section', 'Exactly one of these: what the labels name.'],
    'target.broker': [
      'choice',
      '`from-labels`: by `cluster` and `broker_id`, else by `instance` or `host`. `culprit`: by `cluster`; the broker whose replicas are missing there is computed.',
      'one of these',
    ],
    'target.exporter': ['choice', 'By `cluster` and `exporter`, else by `instance` or `host`.', 'one of these'],
    'target.cluster': [
      'choice',
      'By `cluster`. No action of this version is for clusters, so such a rule does not load.',
      'one of these',
    ],
    mode: ['choice', '`inform` evaluates and tells; `approve` acts when a person says yes; `act` acts.'],
    rank: ['number', 'When several incidents concern one target, the lowest leads and the others wait.'],
    after: ['duration', 'From the first alert to the first look.'],
    runbook: ['name', 'A runbook in any of the files.'],
    attempts: ['section', 'How often it is tried, and how far apart.'],
    'attempts.max': ['number', 'Per target, until a heal has held for `stable`.'],
    'attempts.backoff': ['section', 'The wait after a failed attempt; up to a fifth is added.'],
    'attempts.backoff.initial': ['duration', 'After the first.'],
    'attempts.backoff.multiplier': ['number', 'From one to the next.'],
    'attempts.backoff.max': ['duration', 'At most.'],
    'attempts.stable': ['duration', 'How long a heal is watched. Doubled for each heal of the target within 24 h.'],
    escalation: ['section', 'Who is told, and when.'],
    'escalation.to': ['names', 'Receivers of config.yml.'],
    'escalation.repeat': ['duration', 'Reminders, until somebody takes over.'],
    'escalation.levels': ['list', 'Who else is told while nobody has taken over.'],
    'escalation.levels[].to': ['names', 'Receivers of config.yml.'],
    'escalation.levels[].after': ['duration', 'From the escalation.'],
    'escalation.tell_by': ['duration', 'Modes `approve` and `act`: a first mail goes out by then, whatever the state.'],
    'escalation.approval': ['duration', 'How long a yes can be given to one question, and how long it then holds.'],
    'escalation.escalate_after': ['duration', 'Guards do not pass for this long: a mail says which and why.'],
    'escalation.give_up': ['duration', 'Guards do not pass for this long: it is handed to a person.'],
    'escalation.start_patience': ['duration', 'A process that starts for this long is told.'],
    firing: ['section', 'Who is asked whether the alert still fires before the first attempt.'],
    'firing.source': ['choice', 'Where it is asked.', 'the first of the first two that is configured'],
    'firing.max_age': ['duration', 'How old the last notification may be. Only for `webhook`, required there.'],
    continue: ['true or false', 'Later rules are tried as well.', '`false`'],
  }),
  runbooks: ['names to sections', 'Runbooks; rules of any file may name them.', ''],
  ...below('runbooks.<name>', {
    symptom: [
      'section',
      'What a direct look must see before every attempt: `{ unit: crashed }`, `{ broker: hung }`, `{ broker: fenced }`, `{ broker: out-of-sync }` or `{ scrape: unanswered }`. Required for modes `approve` and `act`.',
    ],
    guards: ['list', 'Guards besides those that always run, by name or `{ name: { … } }`.'],
    rungs: ['list of lists of steps', 'Attempt n uses rung n; the last one repeats.'],
    verify: ['list', 'Probes with `within`, the time that may pass without progress. All must say healed.'],
    url: [
      'URL or path',
      'A page for people: a web address, linked in mails, or the path of a `.md` file in the repository of the rules.',
    ],
  }),
}

export const MEANINGS: Readonly<Record<FileKind, Meanings>> = { config, inventory, rules }
