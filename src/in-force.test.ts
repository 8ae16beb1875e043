import { expect, test } from 'vitest'
import { sourceOf } from './in-force.ts'
import { Secret } from './secret.ts'

test('an HTTP API is asked with the login, the authority and the time-out of its entry', () => {
  const endpoint = { url: 'https://p:9090', caFile: '/etc/ca.pem', timeoutMs: 3_000 }
  const bearer = { kind: 'bearer' as const, token: new Secret('abc') }
  const basic = { kind: 'basic' as const, username: 'u', password: new Secret('p') }
  expect(sourceOf({ ...endpoint, login: bearer })).toEqual({ ...endpoint, headers: { authorization: 'Bearer abc' } })
  expect(sourceOf({ ...endpoint, login: basic }).headers).toEqual({ authorization: 'Basic dTpw' })
  expect(sourceOf({ ...endpoint, login: null }).headers).toEqual({})
})
