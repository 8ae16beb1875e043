import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fingerprintOf } from './fingerprint.ts'

const folder = new URL('../../test/fixtures/payloads/', import.meta.url)
const recorded = readdirSync(folder).map((file) => ({
  file,
  alerts: JSON.parse(readFileSync(new URL(file, folder), 'utf8')).alerts as {
    labels: Record<string, string>
    fingerprint: string
  }[],
}))

describe('fingerprint', () => {
  it.each(recorded)('is the one that Alertmanager sent in $file', ({ alerts }) => {
    expect(alerts.length).toBeGreaterThan(0)

    expect(alerts.map(({ labels }) => fingerprintOf(labels))).toEqual(alerts.map(({ fingerprint }) => fingerprint))
  })

  it('of no labels is the offset basis', () => {
    expect(fingerprintOf({})).toBe('cbf29ce484222325')
  })

  it('does not depend on the order of the labels', () => {
    expect(fingerprintOf({ b: '2', a: '1' })).toBe(fingerprintOf({ a: '1', b: '2' }))
  })

  it('sorts names by their bytes, which differs from the order of UTF-16 code units', () => {
    // U+FF5E sorts after the surrogate pair of U+1F600 in UTF-16 and before it in UTF-8.
    const bigint = (names: string[]) => {
      let hash = 0xcbf29ce484222325n
      for (const byte of new TextEncoder().encode(names.map((name) => `${name}|v|`).join(''))) {
        hash = BigInt.asUintN(64, (hash ^ BigInt(byte === 0x7c ? 0xff : byte)) * 0x100000001b3n)
      }
      return hash.toString(16).padStart(16, '0')
    }

    expect(fingerprintOf({ '\u{1f600}': 'v', '\uff5e': 'v' })).toBe(bigint(['\uff5e', '\u{1f600}']))
  })
})
