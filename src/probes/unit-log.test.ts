import { expect, test } from 'vitest'
import { outputFile } from './unit-log.ts'

test.each([
  ['StandardOutput=append:/var/log/kafka.log', '/var/log/kafka.log'],
  ['StandardOutput=append:/var/log/kafka.log\nStandardError=inherit', '/var/log/kafka.log'],
  ['StandardOutput=append:/a\n# drop-in\nStandardOutput=file:/b', '/b'],
  ['StandardOutput=append:/a\nStandardOutput=journal', null],
  ['StandardOutput=append:/logs/%p-%i.log', '/logs/kafka-1.log'],
  ['StandardOutput=append:/logs/%n 100%%', '/logs/kafka@1.service 100%'],
  ['StandardOutput=append:%h/kafka.log', null],
  ['StandardOutput=append:/logs/%H.log', null],
  ['StandardOutput=journal', null],
  ['#StandardOutput=append:/a', null],
  ['', null],
])('where a unit with %j writes its output', (text, file) => {
  expect(outputFile(`[Service]\n${text}\nRestart=no\n`, 'kafka@1.service')).toBe(file)
})
