// Installs the locked dependencies when package-lock.json differs from what node_modules was made from.
// Plain JavaScript on purpose: it runs on whatever Node npm itself runs on.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'

const stampFile = 'node_modules/.kafka-healing-lock'
const lock = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex')

function installed() {
  try {
    return readFileSync(stampFile, 'utf8') === lock
  } catch {
    return false
  }
}

if (!installed()) {
  console.error('kafka-healing: installing dependencies (package-lock.json changed)')
  // Nothing we depend on needs an install script; ssh2's and cpu-features' only build optional native speed-ups.
  const args = [
    'ci',
    '--include=dev',
    '--include=optional',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]
  const { status } = spawnSync('npm', args, { stdio: ['ignore', 2, 2], shell: false })
  if (status !== 0) process.exit(status ?? 1)
  writeFileSync(stampFile, lock)
}
