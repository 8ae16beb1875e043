import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificates {
  readonly caFile: string
  readonly keyFile: string
  readonly certFile: string
  readonly key: string
  readonly cert: string
}

/** An authority of its own and a certificate for `name` signed by it, made by openssl in `folder`. */
export function makeCertificates(folder: string, name = 'localhost'): Certificates {
  const at = (file: string) => join(folder, `${name}-${file}`)
  const openssl = (...args: readonly string[]) => execFileSync('openssl', [...args], { stdio: 'pipe' })
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    'req',
    '-x509',
    ...curve,
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
  )
  openssl('req', ...curve, '-subj', `/CN=${name}`, '-keyout', at('server.key'), '-out', at('server.csr'))
  writeFileSync(at('ext'), `subjectAltName=DNS:${name}\n`)
  const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-extfile', at('ext')]
  openssl('x509', '-req', '-days', '2', '-in', at('server.csr'), ...signed, '-out', at('server.pem'))
  return {
    caFile: at('ca.pem'),
    keyFile: at('server.key'),
    certFile: at('server.pem'),
    key: readFileSync(at('server.key'), 'utf8'),
    cert: readFileSync(at('server.pem'), 'utf8'),
  }
}
