/** Debian's real Prometheus and Alertmanager for tests, on free ports of the loopback, state in a temporary folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { waitFor } from '../lab/wait.ts'
import { freePorts } from './kafka.ts'

export interface RunningServer {
  readonly url: string
  /** Resolves once the process stands still, or goes on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): Promise<void>
  close(): Promise<void>
}

/** `rules` is the content of one rule file; evaluated every second. Scrapes itself as `up{job="self"}`. */
export async function startPrometheus(rules: string): Promise<RunningServer> {
  const home = mkdtempSync(path.join(tmpdir(), 'kafka-healing-prometheus-'))
  const [port] = await freePorts(1)
  writeFileSync(path.join(home, 'rules.yml'), rules)
  writeFileSync(
    path.join(home, 'prometheus.yml'),
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
scrape_configs:
  - job_name: self
    static_configs: [{ targets: ['127.0.0.1:${port}'] }]
`,
  )
  return run('prometheus', home, `http://127.0.0.1:${port}`, [
    `--config.file=${home}/prometheus.yml`,
    `--storage.tsdb.path=${home}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
  ])
}

export async function startAlertmanager(): Promise<RunningServer> {
  const home = mkdtempSync(path.join(tmpdir(), 'kafka-healing-alertmanager-'))
  const [port] = await freePorts(1)
  writeFileSync(path.join(home, 'alertmanager.yml'), 'route: { receiver: healing }\nreceivers: [{ name: healing }]\n')
  return run('prometheus-alertmanager', home, `http://127.0.0.1:${port}`, [
    `--config.file=${home}/alertmanager.yml`,
    `--storage.path=${home}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
  ])
}

async function run(program: string, home: string, url: string, args: readonly string[]): Promise<RunningServer> {
  const child: ChildProcess = spawn(program, args, { stdio: 'ignore', detached: true })
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const server: RunningServer = {
    url,
    signal: async (signal) => {
      child.kill(signal)
      const stopped = (): boolean => /^State:\s+T/m.test(readFileSync(`/proc/${child.pid}/status`, 'utf8'))
      await waitFor(signal, () => stopped() === (signal === 'SIGSTOP'))
    },
    async close() {
      child.kill('SIGKILL')
      await ended
      rmSync(home, { recursive: true, force: true })
    },
  }
  try {
    await waitFor(
      `${program} is ready`,
      () =>
        fetch(`${url}/-/ready`).then(
          ({ ok }) => ok,
          () => false,
        ),
      30_000,
    )
    return server
  } catch (error) {
    await server.close()
    throw error
  }
}
