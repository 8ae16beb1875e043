import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'

export interface Sasl {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  readonly username: string
  readonly password: string
}

/** Sends one token to the broker and returns its answer; throws when the broker refuses. */
export type Exchange = (token: string) => Promise<string>

/** The least that RFC 5802 and Kafka allow; fewer would let a false broker guess the password. */
const LEAST_ITERATIONS = 4096

/** Logs in, and for SCRAM proves that the broker knows the password too. Throws when either side is not believed. */
export async function authenticate(sasl: Sasl, exchange: Exchange): Promise<void> {
  if (sasl.mechanism === 'PLAIN') {
    await exchange(`\0${sasl.username}\0${sasl.password}`)
    return
  }
  await scram(sasl, sasl.mechanism === 'SCRAM-SHA-512' ? 'sha512' : 'sha256', exchange)
}

async function scram(sasl: Sasl, digest: 'sha256' | 'sha512', exchange: Exchange): Promise<void> {
  const nonce = randomBytes(18).toString('base64')
  const user = sasl.username.replaceAll('=', '=3D').replaceAll(',', '=2C')
  const clientFirst = `n=${user},r=${nonce}`
  const serverFirst = await exchange(`n,,${clientFirst}`)
  const offer = attributes(serverFirst)
  const [serverNonce, salt, iterations] = [offer.get('r') ?? '', offer.get('s') ?? '', Number(offer.get('i'))]
  if (!serverNonce.startsWith(nonce) || serverNonce === nonce)
    throw new Error('SCRAM: the broker answered another nonce')
  if (!(iterations >= LEAST_ITERATIONS)) throw new Error(`SCRAM: the broker wants ${offer.get('i')} iterations`)

  const hmac = (key: Buffer, message: string) => createHmac(digest, key).update(message).digest()
  const salted = pbkdf2Sync(
    sasl.password,
    Buffer.from(salt, 'base64'),
    iterations,
    digest === 'sha512' ? 64 : 32,
    digest,
  )
  const clientKey = hmac(salted, 'Client Key')
  const clientFinal = `c=biws,r=${serverNonce}`
  const message = `${clientFirst},${serverFirst},${clientFinal}`
  const signature = hmac(createHash(digest).update(clientKey).digest(), message)
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)))

  const serverFinal = attributes(await exchange(`${clientFinal},p=${proof.toString('base64')}`))
  const wanted = hmac(hmac(salted, 'Server Key'), message)
  const got = Buffer.from(serverFinal.get('v') ?? '', 'base64')
  if (got.length !== wanted.length || !timingSafeEqual(got, wanted))
    throw new Error('SCRAM: the broker does not know the password')
}

function attributes(message: string): ReadonlyMap<string, string> {
  return new Map(message.split(',').map((part) => [part.slice(0, 1), part.slice(2)]))
}
