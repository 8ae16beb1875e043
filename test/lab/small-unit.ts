// A unit that costs nothing to kill a thousand times. usage: node small-unit.ts PORT
// It answers every request with one metric, so that it can stand for an exporter in the inventory.
import { createServer } from 'node:http'

createServer((_request, response) => {
  response.setHeader('content-type', 'text/plain; version=0.0.4')
  response.end('small_unit_up 1\n')
}).listen(Number(process.argv[2]), '127.0.0.1')
