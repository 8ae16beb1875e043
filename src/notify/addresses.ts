/** `Kafka healing <healing@example.org>`, taken apart. */
export interface Sender {
  readonly name: string
  readonly address: string
  /** What stands behind the @: the host part of our Message-IDs. */
  readonly domain: string
}

// Strict on purpose: what an address parser would read as a group, a list or a comment has no place here
// (`a@x\r\nRCPT TO:<evil@y>` is delivered to evil@y by lenient ones).
const ADDRESS = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/

export function isAddress(text: string): boolean {
  return text.length <= 254 && ADDRESS.test(text)
}

/** Null when it is not one address, with or without a name before it. */
export function parseSender(text: string): Sender | null {
  const match = /^\s*(?:"?([^"<>\r\n]*?)"?\s*<([^<>\s]+)>|([^<>\s]+))\s*$/.exec(text)
  const address = match?.[2] ?? match?.[3]
  if (address === undefined || !isAddress(address)) return null
  return { name: match?.[1]?.trim() ?? '', address, domain: address.slice(address.lastIndexOf('@') + 1).toLowerCase() }
}
