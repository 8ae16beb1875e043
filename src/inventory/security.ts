import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Complain, Path } from '../document/document.ts'
import { isAbsent, secretReader, unreadableFile } from '../document/secret-file.ts'
import { Secret } from '../secret.ts'
import type { ClientCertificate, ClusterSecurity, ListenerSecurity, SaslLogin } from './inventory.ts'
import type { ClusterFields, ListenersFields } from './schema.ts'

/** How a cluster's listeners are spoken to, with every file read. Relative files are looked for beside the inventory. */
export function securityOf(
  { controllers, ...brokers }: NonNullable<ClusterFields['security']>,
  at: Path,
  folder: string,
  complain: Complain,
): ClusterSecurity {
  return {
    ...listenersOf(brokers, at, folder, complain),
    controllers: controllers ? listenersOf(controllers, [...at, 'controllers'], folder, complain) : null,
  }
}

function listenersOf(fields: ListenersFields, at: Path, folder: string, complain: Complain): ListenerSecurity {
  const { protocol } = fields
  const encrypted = protocol === 'SSL' || protocol === 'SASL_SSL'
  if (!encrypted) {
    for (const key of ['ca_file', 'cert_file', 'key_file'] as const)
      if (fields[key] !== undefined) complain([...at, key], `\`${key}\` means nothing with protocol ${protocol}`, 'key')
  }
  return {
    protocol,
    ca: encrypted ? authorityOf(fields, at, folder, complain) : null,
    client: encrypted ? clientOf(fields, at, folder, complain) : null,
    sasl: saslOf(fields, at, folder, complain),
  }
}

function authorityOf({ ca_file }: ListenersFields, at: Path, folder: string, complain: Complain): string | null {
  const ca = read(ca_file, [...at, 'ca_file'], folder, complain)
  if (ca === null) return null
  if (certificate(ca.text) === null) complain([...at, 'ca_file'], `${ca.path} holds no certificate in PEM`)
  return ca.text
}

function clientOf(fields: ListenersFields, at: Path, folder: string, complain: Complain): ClientCertificate | null {
  const { cert_file, key_file } = fields
  if (cert_file === undefined && key_file === undefined) return null
  if (cert_file === undefined) complain([...at, 'key_file'], 'a `key_file` needs a `cert_file`', 'key')
  if (key_file === undefined) complain([...at, 'cert_file'], 'a `cert_file` needs a `key_file`', 'key')
  const cert = read(cert_file, [...at, 'cert_file'], folder, complain)
  const key = read(key_file, [...at, 'key_file'], folder, complain)
  if (cert === null || key === null) return null
  const parsed = certificate(cert.text)
  if (parsed === null) {
    complain([...at, 'cert_file'], `${cert.path} holds no certificate in PEM`)
    return null
  }
  try {
    if (!parsed.checkPrivateKey(createPrivateKey(key.text)))
      complain([...at, 'key_file'], `${key.path} is not the key of ${cert.path}`)
  } catch {
    complain([...at, 'key_file'], `${key.path} holds no private key in PEM that can be read without a passphrase`)
  }
  return { file: cert.path, cert: cert.text, key: new Secret(key.text), notAfter: parsed.validToDate.getTime() }
}

function saslOf(fields: ListenersFields, at: Path, folder: string, complain: Complain): SaslLogin | null {
  const { protocol, sasl } = fields
  const wanted = protocol === 'SASL_PLAINTEXT' || protocol === 'SASL_SSL'
  if (wanted && sasl === undefined) complain([...at, 'protocol'], `protocol ${protocol} needs \`sasl\``)
  if (!wanted && sasl !== undefined)
    complain([...at, 'sasl'], `\`sasl\` means nothing with protocol ${protocol}`, 'key')
  if (sasl === undefined) return null
  const password = secretReader(folder, complain)('password', sasl, [...at, 'sasl'])
  if (password === null) {
    complain([...at, 'sasl'], 'expected `password` or `password_file`')
    return null
  }
  return { mechanism: sasl.mechanism, username: sasl.username, password }
}

function read(
  file: string | undefined,
  at: Path,
  folder: string,
  complain: Complain,
): { readonly path: string; readonly text: string } | null {
  if (file === undefined) return null
  const path = resolve(folder, file)
  const problem = unreadableFile(path)
  if (problem !== null) {
    complain(at, problem, 'value', isAbsent(path))
    return null
  }
  return { path, text: readFileSync(path, 'utf8') }
}

function certificate(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem)
  } catch {
    return null
  }
}
