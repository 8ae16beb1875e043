import type { Labels } from './alert.ts'

const utf8 = new TextEncoder()
const SEPARATOR = 0xff

/**
 * The identity Alertmanager gives to a label set: FNV-1a (64 bits) over name, 0xFF, value, 0xFF of each label, names in
 * byte order, printed as 16 hexadecimal digits. Annotations and times do not count.
 */
export function fingerprintOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => ({ name: utf8.encode(name), value }))
  pairs.sort((a, b) => compareBytes(a.name, b.name))

  // The 64 bits in two halves: BigInt is an order of magnitude slower. The prime is 2^40 + 0x1b3.
  let high = 0xcbf29ce4
  let low = 0x84222325
  const add = (byte: number): void => {
    low = (low ^ byte) >>> 0
    const product = low * 0x1b3
    const carry = Math.floor(product / 0x1_0000_0000)
    high = (Math.imul(high, 0x1b3) + carry + (low << 8)) >>> 0
    low = product >>> 0
  }
  for (const { name, value } of pairs) {
    name.forEach(add)
    add(SEPARATOR)
    utf8.encode(value).forEach(add)
    add(SEPARATOR)
  }
  return hex(high) + hex(low)
}

function hex(half: number): string {
  return half.toString(16).padStart(8, '0')
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
