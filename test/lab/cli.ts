// npm run lab -- up | down | status | sweep
import { parseArgs } from 'node:util'
import { openLab, type Part, startLab, sweep } from './lab.ts'
import { isAlive } from './processes.ts'
import { allParts, stateFile } from './state.ts'

const usage = `usage: npm run lab -- up [--session-timeout MS] [--scrape-interval S] [--parts ${allParts.join(',')}] | down | status | sweep`
const options = {
  'session-timeout': { type: 'string', default: '9000' },
  'scrape-interval': { type: 'string', default: '1' },
  parts: { type: 'string', default: allParts.join(',') },
} as const
const name = 'lab'

const { values, positionals } = parseArgs({ options, allowPositionals: true })
const commands: Readonly<Record<string, () => Promise<number>>> = { up, down, status, sweep: sweepAll }
const command = commands[positionals[0] ?? '']
if (command === undefined || positionals.length !== 1) {
  console.error(usage)
  process.exitCode = 2
} else {
  process.exitCode = await command()
}

async function up(): Promise<number> {
  const parts = values.parts.split(',') as Part[]
  const unknown = parts.filter((part) => !allParts.includes(part))
  if (unknown.length > 0) {
    console.error(`unknown parts: ${unknown.join(', ')}\n${usage}`)
    return 2
  }
  const started = performance.now()
  await startLab({
    name,
    parts,
    stays: true,
    sessionTimeoutMs: Number(values['session-timeout']),
    scrapeIntervalSeconds: Number(values['scrape-interval']),
  })
  console.log(`up after ${((performance.now() - started) / 1000).toFixed(1)} s; everything is in ${stateFile(name)}`)
  return status()
}

async function down(): Promise<number> {
  const lab = openLab(name)
  if (lab === null) console.log('no lab is up')
  else await lab.down()
  return 0
}

async function status(): Promise<number> {
  const lab = openLab(name)
  if (lab === null) {
    console.log('no lab is up')
    return 3
  }
  for (const [process, recorded] of Object.entries(lab.state.processes)) {
    console.log(`${process.padEnd(22)} pid ${String(recorded.pid).padEnd(8)} ${isAlive(recorded) ? 'running' : 'gone'}`)
  }
  const exporter = lab.state.parts.includes('exporter') ? ['kafka-exporter.service'] : []
  const units = [
    ...[...lab.state.brokers, ...lab.state.controllers].map((node) => node.unit),
    ...exporter,
    ...lab.state.smallUnits.map((unit) => unit.unit),
  ]
  for (const unit of units) {
    const { ActiveState, SubState, Result, UnitFileState } = await lab.unit(unit)
    console.log(`${unit.padEnd(22)} ${ActiveState} (${SubState}), result ${Result}, ${UnitFileState}`)
  }
  for (const [service, url] of Object.entries(lab.url)) console.log(`${service.padEnd(22)} ${url}`)
  console.log(`${'systemctl'.padEnd(22)} XDG_RUNTIME_DIR=${lab.state.runtimeDir} systemctl --user …`)
  return 0
}

/** Ends the labs of test runs that were killed. */
async function sweepAll(): Promise<number> {
  await sweep()
  return 0
}
