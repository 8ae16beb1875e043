#!/usr/bin/env node
// Checks the Node version before anything native is imported, then hands over to the command line.
const wanted = 24
const major = Number(process.versions.node.split('.')[0])
if (major < wanted) {
  console.error(
    `kafka-healing needs Node ${wanted} or newer, this is ${process.version}. \`npm start\` brings its own.`,
  )
  process.exitCode = 1
} else {
  const { main } = await import('./cli/main.ts')
  await main(process.argv)
}
