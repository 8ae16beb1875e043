import { describe, expect, it } from 'vitest'
import { Secret } from '../secret.ts'
import { authenticator } from './credentials.ts'

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

describe('authenticator', () => {
  const authenticate = authenticator([
    { kind: 'bearer', token: new Secret('tok-1') },
    { kind: 'basic', username: 'alertmanager', password: new Secret('pä:ss') },
    { kind: 'bearer', token: new Secret('tok-3') },
  ])

  it.each([
    ['Bearer tok-1', 'token-1'],
    ['bearer tok-3', 'token-3'],
    [basic('alertmanager:pä:ss'), 'alertmanager'],
    [basic('alertmanager:pä:ss').replace('Basic', 'bAsIc'), 'alertmanager'],
    ['Bearer tok-2', null],
    ['Bearer tok-1x', null],
    ['Bearer', null],
    ['Bearer ', null],
    ['tok-1', null],
    ['', null],
    [undefined, null],
    [basic('alertmanager:'), null],
    [basic('alertmanager'), null],
    [basic(':pä:ss'), null],
    ['Bearer alertmanager:pä:ss', null],
    [basic('tok-1'), null],
    ['Bearer nothing', null],
  ])('%j speaks as %j', (header, speaker) => {
    expect(authenticate(header)).toBe(speaker)
  })

  it('lets nobody speak where no credential is known', () => {
    expect(authenticator([])('Bearer x')).toBeNull()
  })
})
