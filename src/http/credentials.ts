import { hash, timingSafeEqual } from 'node:crypto'
import type { Login } from '../config.ts'

/** Answers the name of the credential that spoke, or null. */
export type Authenticate = (authorization: string | undefined) => string | null

/** What logs and rows know a credential by: the user name, or which token of the list it is (counted from 1). No secret. */
export function credentialName(login: Login, index: number): string {
  return login.kind === 'basic' ? login.username : `token-${index + 1}`
}

/**
 * Compares an `Authorization` header with every credential. Both sides are hashed and all are compared whole and in
 * constant time: neither content, length nor position shows.
 */
export function authenticator(logins: readonly Login[]): Authenticate {
  const known = logins.map((login, index) => ({
    name: credentialName(login, index),
    digest: digest(
      login.kind === 'bearer' ? `bearer:${login.token.reveal()}` : `basic:${login.username}:${login.password.reveal()}`,
    ),
  }))
  return (authorization) => {
    const given = digest(presented(authorization))
    let speaker: string | null = null
    for (const one of known) if (timingSafeEqual(one.digest, given)) speaker = one.name
    return speaker
  }
}

function presented(authorization: string | undefined): string {
  const parts = /^([A-Za-z]+) +(\S+) *$/.exec(authorization ?? '')
  const scheme = parts?.[1]?.toLowerCase()
  const value = parts?.[2] ?? ''
  if (scheme === 'bearer') return `bearer:${value}`
  if (scheme === 'basic') return `basic:${Buffer.from(value, 'base64').toString('utf8')}`
  return 'nothing'
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}
