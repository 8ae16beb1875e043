#!/usr/bin/env node
// The command `kafka-healing`. Plain JavaScript, so that it runs on whatever Node finds it: it hands over to src/main.ts
// on the Node that is installed beside the dependencies.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const node = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))

if (Number(process.versions.node.split('.')[0]) >= 24) {
  process.argv[1] = main
  await import('../src/main.ts')
} else if (!existsSync(node)) {
  console.error(
    `kafka-healing needs Node 24 or newer, this is ${process.version}. In a clone, \`node scripts/install.js\` brings it.`,
  )
  process.exitCode = 1
} else {
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  // Ctrl+C reaches both of us from the terminal; passed on as well, it would come twice.
  const fromTerminal = process.stdin.isTTY ? ['SIGINT', 'SIGQUIT'] : []
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (!fromTerminal.includes(signal)) child.kill(signal)
    })
  }
  child.on('exit', (code, signal) => {
    process.exit(code ?? 128 + constants.signals[signal])
  })
}
