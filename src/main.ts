#!/usr/bin/env node
import module from 'node:module'
import { join } from 'node:path'

// Checks the Node version before anything native is imported, then hands over to the command line.
const wanted = 24
const major = Number(process.versions.node.split('.')[0])
if (major < wanted) {
  console.error(
    `kafka-healing needs Node ${wanted} or newer, this is ${process.version}. \`npm start\` brings its own.`,
  )
  process.exitCode = 1
} else {
  // What Node made of the sources is kept beside the packages: without it each start strips the types of them all anew, which
  // takes some 20 MiB that are never given back. Where nothing can be written there it does without.
  module.enableCompileCache(join(import.meta.dirname, '..', 'node_modules', '.cache', 'compile'))
  const { main } = await import('./cli/main.ts')
  await main(process.argv)
}
