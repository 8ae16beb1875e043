import { renameSync, writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

// Loaded into a process by NODE_OPTIONS=--import: on SIGUSR2 it collects its garbage and writes down what is left.
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
const file = process.env.HEAP_FILE

process.on('SIGUSR2', () => {
  collect()
  const { heapUsed, external, rss } = process.memoryUsage()
  const handles = process.getActiveResourcesInfo().length
  writeFileSync(`${file}.new`, JSON.stringify({ heapUsed, external, rss, handles }))
  renameSync(`${file}.new`, file)
})
