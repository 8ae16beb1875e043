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

export interface Authority {
  readonly caFile: string
  /** A certificate signed by it; `alsoIp` puts 127.0.0.1 beside the name, `days` below 0 make one that has expired. */
  issue(name: string, options?: { readonly days?: number; readonly alsoIp?: boolean }): Certificates
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** An authority of its own, made by openssl in `folder`; its files begin with `prefix`. */
export function makeAuthority(folder: string, prefix = 'authority'): Authority {
  const at = (file: string) => join(folder, `${prefix}-${file}`)
  const openssl = (...args: readonly string[]) => execFileSync('openssl', [...args], { stdio: 'pipe' })
  const [caKey, caFile] = [at('ca.key'), at('ca.pem')]
  openssl('req', '-x509', ...CURVE, '-days', '2', '-subj', '/CN=test authority', '-keyout', caKey, '-out', caFile)
  return {
    caFile,
    issue(name, { days = 2, alsoIp = false } = {}) {
      const of = (kind: string) => at(`${name}.${kind}`)
      openssl('req', ...CURVE, '-subj', `/CN=${name}`, '-keyout', of('key'), '-out', of('csr'))
      writeFileSync(of('ext'), `subjectAltName=DNS:${name}${alsoIp ? ',IP:127.0.0.1' : ''}\n`)
      const signed = ['-CA', caFile, '-CAkey', caKey, '-CAcreateserial', '-extfile', of('ext')]
      openssl('x509', '-req', '-days', String(days), '-in', of('csr'), ...signed, '-out', of('pem'))
      return {
        caFile,
        keyFile: of('key'),
        certFile: of('pem'),
        key: readFileSync(of('key'), 'utf8'),
        cert: readFileSync(of('pem'), 'utf8'),
      }
    },
  }
}

/** An authority of its own and a certificate for `name` signed by it, made by openssl in `folder`. */
export function makeCertificates(folder: string, name = 'localhost'): Certificates {
  return makeAuthority(folder, name).issue(name)
}
