import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { makeCertificates } from '../../test/support/certificates.ts'
import { ask } from './ask.ts'
import type { Source } from './exchange.ts'

describe('a server whose certificate a private authority signed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-ask-'))
  const { caFile, cert, key } = makeCertificates(folder)
  const server = createServer({ cert, key }, (request, response) => {
    if (request.url !== '/silent') response.end('{ "answer": 42 }')
  })
  let url: string
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `https://localhost:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true })
  })
  const answer = (path: string, changes: Partial<Source>) =>
    ask({ url, timeoutMs: 5_000, ...changes }, { method: 'GET', path }, z.object({ answer: z.number() }))

  test('is believed with that authority as caFile', async () => {
    expect(await answer('/', { caFile })).toEqual({ answer: 42 })
  })

  test('is not believed without it, nor with another one, nor under another name', async () => {
    const other = makeCertificates(folder, 'other')
    await expect(answer('/', {})).rejects.toThrow(/certificate/)
    await expect(answer('/', { caFile: other.caFile })).rejects.toThrow(/certificate/)
    await expect(answer('/', { caFile, url: url.replace('localhost', '127.0.0.1') })).rejects.toThrow(/127\.0\.0\.1/)
  })

  test('is believed again when the authority changes in the same file', async () => {
    const renewed = join(folder, 'renewed.pem')
    writeFileSync(renewed, makeCertificates(folder, 'former').cert)
    await expect(answer('/', { caFile: renewed })).rejects.toThrow(/certificate/)
    copyFileSync(caFile, renewed)
    expect(await answer('/', { caFile: renewed })).toEqual({ answer: 42 })
  })

  test('is given up after the time-out of its own', async () => {
    await expect(answer('/silent', { caFile, timeoutMs: 100 })).rejects.toThrow(/timeout/)
  })

  test('with a file of authorities that is gone, the question fails with its name', async () => {
    await expect(answer('/', { caFile: join(folder, 'gone.pem') })).rejects.toThrow(/gone\.pem/)
  })
})
