import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as brokers from './brokers.ts'
import { type Cuts, type OpenCuts, openCuts } from './cuts.ts'
import { startExporter } from './exporter-unit.ts'
import { healingFolder, writeHealingFiles } from './healing-config.ts'
import * as mail from './mail.ts'
import { armAlerts, query, startMonitoring, waitScraped, webhookToken } from './monitoring.ts'
import { freePorts } from './ports.ts'
import { commandLine, isAlive, launch, type Output, record, signal, stop } from './processes.ts'
import { activeController, offlinePartitions } from './quorum.ts'
import { preloadSegments, type Release, recoverSlowly, remainingLogs, type SegmentedTopic } from './recovery.ts'
import { startSilentHost } from './silent-host.ts'
import { addSmallUnits, type SmallUnitKind } from './small-units.ts'
import * as sshd from './sshd.ts'
import {
  allParts,
  type BrokerNode,
  knownLabs,
  type LabState,
  labHome,
  type Part,
  readState,
  type SmallUnit,
  StateFile,
} from './state.ts'
import { startUserManager, stopUserManager, systemctl, unitProperties } from './user-manager.ts'
import { waitFor } from './wait.ts'

export type { Part } from './state.ts'

export interface LabOptions {
  /** Names the state file `.lab/<name>.json` and the folder `.lab/<name>/`. Default: unique, for tests. */
  readonly name?: string
  /** Default: all. The user manager always runs. */
  readonly parts?: readonly Part[]
  /** Default 3. */
  readonly brokers?: number
  /**
   * Default 0: the brokers are the controllers too (combined nodes). With more, a broker can be killed or frozen without
   * touching the quorum; one is enough for that.
   */
  readonly controllers?: number
  /** The inventory points at proxies of this process, so that `cut` works; everybody else goes straight to the brokers. */
  readonly proxied?: boolean
  /** broker.session.timeout.ms; default 9000 as Kafka's. 3000 makes a heal some six seconds shorter. */
  readonly sessionTimeoutMs?: number
  /** Scrape and evaluation interval; default 1 s. */
  readonly scrapeIntervalSeconds?: number
  /** Default true. False: Prometheus is there to be asked, and nobody is told of any alert. */
  readonly alerts?: boolean
  /** More receivers of every alert, beside kafka-healing: URLs of the caller's own. */
  readonly webhooks?: readonly string[]
  /** The lab outlives this process and is ended by `npm run lab -- down`. Default false. */
  readonly stays?: boolean
}

export type UnitSignal = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'

export interface Lab {
  readonly state: LabState
  /** Where config.yml and inventory.yml for kafka-healing lie; `rules/` beside them is empty. */
  readonly healingFolder: string
  readonly webhookToken: string
  readonly url: { readonly healing: string; readonly prometheus: string; readonly alertmanager: string }
  broker(id: number): BrokerNode
  /** Signals a broker's main process through systemd (a killed one shows Result=signal). */
  signalBroker(id: number, name: UnitSignal): Promise<void>
  signalUnit(unit: string, name: UnitSignal): Promise<void>
  /** The broker will refuse its next start (exit code 1), until it is mended. */
  breakBroker(id: number): void
  mendBroker(id: number): void
  /** All properties of `systemctl show`: ActiveState, SubState, Result, ExecMainStatus, InvocationID, UnitFileState … */
  unit(name: string): Promise<Readonly<Record<string, string>>>
  systemctl(...args: readonly string[]): Promise<Output>
  /** Every broker in state 3, no partition under-replicated, none fenced. */
  waitHealed(deadlineMs?: number): Promise<void>
  /** Waits until the unit shows the given properties. */
  waitUnit(name: string, wanted: Readonly<Record<string, string>>, deadlineMs?: number): Promise<void>
  createTopic(topic: string, shape?: brokers.TopicShape): Promise<void>
  /** A topic of 20 partitions with 50 tiny segments each, unless told otherwise. */
  preloadSegments(topic: string, shape?: SegmentedTopic): Promise<void>
  /**
   * Kills the broker and has it started again (by systemctl unless told otherwise) with all its logs to replay, slowly: over half a minute when segments were preloaded,
   * or until released. Returns while it replays: BrokerState is 1 then, and remainingLogsToRecover above 0.
   */
  slowRecovery(id: number, start?: () => Promise<unknown>): Promise<Release>
  /** Logs the broker has still to replay, as its JMX agent says; null when that does not answer within 15 s. */
  remainingLogs(id: number): Promise<number | null>
  /** Only with `proxied`: breaks the way between kafka-healing and one listener until it passes again. */
  readonly cut: Cuts
  /** The node that leads the quorum, by DescribeQuorum of the controllers; null when nobody does. */
  activeController(): Promise<number | null>
  /** Partitions without a leader, as `topic-0`, by the first broker that answers. */
  offlinePartitions(): Promise<readonly string[]>
  query(expression: string): ReturnType<typeof query>
  mails(): mail.ReceivedMail[]
  /** Waits for a mail the predicate accepts. */
  waitMail(accept: (mail: mail.ReceivedMail) => boolean, deadlineMs?: number): Promise<mail.ReceivedMail>
  stopSmtp(): Promise<void>
  startSmtp(): Promise<void>
  ssh(...argv: readonly string[]): Promise<Output>
  /** Kills every open SSH session's process; answers how many there were. */
  cutSsh(): number
  stopSshd(): Promise<void>
  startSshd(): Promise<void>
  /** Freezes or thaws (SIGSTOP, SIGCONT) a process of the lab, such as `prometheus`, `alertmanager`, `sshd`. */
  signalProcess(name: string, signalName: NodeJS.Signals): void
  /** Ends such a process; answers what it takes to start it again. */
  stopProcess(name: string): Promise<readonly string[]>
  /** Starts one more, or one that was stopped; its output goes to `monitoring/<name>.log`. */
  startProcess(name: string, argv: readonly string[]): void
  /** A tiny enabled unit, listed as an exporter in a freshly written inventory. Several are quicker in one go. */
  addSmallUnit(name: string, kind?: SmallUnitKind): Promise<SmallUnit>
  addSmallUnits(names: readonly string[], kind?: SmallUnitKind): Promise<readonly SmallUnit[]>
  startSilentHost: typeof startSilentHost
  /** Ends every process of the lab and removes its folder. */
  down(): Promise<void>
}

/** Brings the lab up and returns when everything asked for works; whatever fails takes down what had been started. */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  await sweep()
  const name = options.name ?? `test-${process.pid}-${randomBytes(3).toString('hex')}`
  if (readState(name) !== null) throw new Error(`the lab ${name} is up already: npm run lab -- down`)
  const file = new StateFile(await freshState(name, options))
  try {
    await startParts(file, options.alerts ?? true)
    return labOf(file, options.proxied === true ? await openCuts(file) : null)
  } catch (error) {
    await takeDown(file, true)
    throw error
  }
}

/** The lab another process has started. */
export function openLab(name: string): Lab | null {
  const state = readState(name)
  return state === null ? null : labOf(new StateFile(state), null)
}

async function freshState(name: string, options: LabOptions): Promise<LabState> {
  const dir = join(labHome, name)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const parts = options.parts ?? allParts
  const count = parts.includes('kafka') ? (options.brokers ?? 3) : 0
  const controllers = parts.includes('kafka') ? (options.controllers ?? 0) : 0
  const [
    exporter = 0,
    blackbox = 0,
    prometheus = 0,
    alertmanager = 0,
    ssh = 0,
    smtp = 0,
    smtpTls = 0,
    healing = 0,
    ...rest
  ] = await freePorts(8 + 3 * count + 2 * controllers)
  const port = (): number => rest.pop() ?? 0
  const numbered = (howMany: number, from: number) => Array.from({ length: howMany }, (_, index) => from + index)
  return {
    name,
    dir,
    runtimeDir: mkdtempSync(join(tmpdir(), 'kh-lab-')),
    owner: options.stays === true ? null : record(process.pid),
    parts,
    // 16 bytes as Kafka writes them; the first bits keep it from beginning with a dash.
    clusterId: Buffer.concat([Buffer.from([0x35]), randomBytes(15)]).toString('base64url'),
    sessionTimeoutMs: options.sessionTimeoutMs ?? 9000,
    scrapeIntervalSeconds: options.scrapeIntervalSeconds ?? 1,
    webhooks: options.webhooks ?? [],
    brokers: numbered(count, 1).map((id) =>
      brokers.brokerNode(dir, id, [port(), controllers > 0 ? null : port(), port()]),
    ),
    controllers: numbered(controllers, count + 1).map((id) => brokers.controllerNode(dir, id, [port(), port()])),
    proxied: options.proxied === true,
    ports: { exporter, blackbox, prometheus, alertmanager, ssh, smtp, smtpTls, healing },
    ssh: null,
    smallUnits: [],
    processes: {},
  }
}

async function startParts(file: StateFile, alerts: boolean): Promise<void> {
  const { parts } = file.now
  await startUserManager(file)
  if (parts.includes('ssh')) await sshd.prepareSshd(file)
  writeHealingFiles(file.now)
  // Each writes its own processes into the state file; none waits for another.
  await Promise.all([
    parts.includes('kafka') ? brokers.startBrokers(file.now) : undefined,
    parts.includes('ssh') ? sshd.startSshd(file) : undefined,
    parts.includes('mail') ? mail.startSmtp(file) : undefined,
    parts.includes('monitoring') ? startMonitoring(file) : undefined,
  ])
  if (parts.includes('exporter')) await startExporter(file.now)
  if (parts.includes('monitoring')) await (alerts ? armAlerts(file.now) : waitScraped(file.now))
}

function labOf(file: StateFile, cuts: OpenCuts | null): Lab {
  const { state, broker } = { state: () => file.now, broker: (id: number) => brokerOf(file.now, id) }
  const local = (port: number) => `http://127.0.0.1:${port}`
  const signalUnit = async (unit: string, name: UnitSignal) => {
    const before = await unitProperties(state(), unit)
    const { code, stderr } = await systemctl(state(), ['kill', '-s', name, unit])
    if (code !== 0) throw new Error(`cannot send ${name} to ${unit}: ${stderr.trim()}`)
    // A loaded machine buries the dead late: what looks at once still finds the unit running.
    if (name !== 'SIGKILL' || before['MainPID'] === '0') return
    const ended = async () => (await unitProperties(state(), unit))['MainPID'] !== before['MainPID']
    await waitFor(`${unit} to have ended`, ended, 15_000, 50)
  }
  const addUnits: Lab['addSmallUnits'] = async (names, kind = 'sleeps') => {
    const units = await addSmallUnits(file, names, kind)
    writeHealingFiles(file.now)
    return units
  }
  return {
    get state() {
      return file.now
    },
    healingFolder: healingFolder(state()),
    webhookToken,
    url: {
      healing: local(state().ports.healing),
      prometheus: local(state().ports.prometheus),
      alertmanager: local(state().ports.alertmanager),
    },
    broker,
    signalBroker: (id, name) => signalUnit(broker(id).unit, name),
    signalUnit,
    breakBroker: (id) => brokers.breakConfiguration(broker(id)),
    mendBroker: (id) => brokers.mendConfiguration(broker(id)),
    unit: (name) => unitProperties(state(), name),
    systemctl: (...args) => systemctl(state(), args),
    waitHealed: async (deadlineMs = 60_000) => void (await brokers.waitHealed(state(), deadlineMs)),
    waitUnit: async (name, wanted, deadlineMs = 15_000) => {
      await waitFor(`${name} to show ${JSON.stringify(wanted)}`, () => shows(state(), name, wanted), deadlineMs)
    },
    createTopic: (topic, shape) => brokers.createTopic(state(), topic, shape),
    preloadSegments: (topic, shape) => preloadSegments(state(), topic, shape),
    slowRecovery: async (id, start) => {
      await signalUnit(broker(id).unit, 'SIGKILL')
      return recoverSlowly(state(), broker(id), start)
    },
    remainingLogs: (id) => remainingLogs(broker(id)),
    cut: async (...args) => {
      if (cuts === null) throw new Error('this lab has no proxies: startLab({ proxied: true }), in the same process')
      await cuts.set(...args)
    },
    activeController: () => activeController(state()),
    offlinePartitions: () => offlinePartitions(state()),
    query: (expression) => query(state(), expression),
    mails: () => mail.mails(state()),
    waitMail: (accept, deadlineMs = 30_000) => waitFor('a mail', () => mail.mails(state()).find(accept), deadlineMs),
    stopSmtp: () => mail.stopSmtp(state()),
    startSmtp: () => mail.startSmtp(file),
    ssh: (...argv) => sshd.ssh(state(), argv),
    cutSsh: () => sshd.cutSsh(state()),
    stopSshd: () => sshd.stopSshd(state()),
    startSshd: () => sshd.startSshd(file),
    stopProcess: async (name) => {
      const recorded = state().processes[name]
      if (recorded === undefined) throw new Error(`the lab has no process ${name}`)
      const argv = commandLine(recorded)
      // What is frozen cannot end.
      signal(recorded, 'SIGCONT')
      await stop(recorded)
      return argv
    },
    startProcess: (name, argv) =>
      file.recordProcess(name, launch(argv, join(state().dir, 'monitoring', `${name}.log`))),
    signalProcess: (name, signalName) => {
      const recorded = state().processes[name]
      if (recorded === undefined) throw new Error(`the lab has no process ${name}`)
      signal(recorded, signalName)
    },
    addSmallUnit: async (name, kind) => {
      const [unit] = await addUnits([name], kind)
      if (!unit) throw new Error(`${name} was not added`)
      return unit
    },
    addSmallUnits: addUnits,
    startSilentHost,
    down: async () => {
      await cuts?.close()
      await takeDown(file, false)
    },
  }
}

async function shows(state: LabState, unit: string, wanted: Readonly<Record<string, string>>): Promise<boolean> {
  const properties = await unitProperties(state, unit)
  const differing = Object.keys(wanted).filter((key) => properties[key] !== wanted[key])
  if (differing.length === 0) return true
  throw new Error(differing.map((key) => `${key}=${properties[key]}`).join(' '))
}

function brokerOf(state: LabState, id: number): BrokerNode {
  const node = state.brokers.find((candidate) => candidate.id === id)
  if (node === undefined) throw new Error(`the lab has no broker ${id}`)
  return node
}

/** Ends processes by their recorded ids; the folder is kept when the start failed, for its logs. */
async function takeDown(file: StateFile, keepFolder: boolean): Promise<void> {
  const state = file.now
  for (const recorded of Object.values(state.processes)) signal(recorded, 'SIGCONT')
  sshd.cutSsh(state)
  const others = Object.entries(state.processes).filter(([name]) => name !== 'user-manager')
  await Promise.all([stopUserManager(state), ...others.map(([, recorded]) => stop(recorded))])
  if (!keepFolder) rmSync(state.dir, { recursive: true, force: true })
  file.forget()
}

/** Takes down labs whose owner is gone (a test run that was killed). */
export async function sweep(): Promise<void> {
  for (const name of knownLabs()) {
    const state = readState(name)
    if (state?.owner && !isAlive(state.owner)) await takeDown(new StateFile(state), false)
  }
  if (!existsSync(labHome)) mkdirSync(labHome, { recursive: true })
}
