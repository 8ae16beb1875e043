import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from '../lab/wait.ts'
import { type Certificates, makeCertificates } from './certificates.ts'
import { type ReadMail, readMail } from './mime.ts'

const EXIM = '/usr/sbin/exim4'

/** Exim starts as root and drops to its own user. With `CI` set a missing one is a failure, not a reason to skip. */
export const eximMissing = !process.env['CI'] && (!existsSync(EXIM) || process.getuid?.() !== 0)

export interface Exim {
  readonly port: number
  readonly certificates: Certificates
  mails(localPart: string): readonly ReadMail[]
  stop(): Promise<void>
}

/**
 * A real mail server on a free port: STARTTLS, AUTH PLAIN (`healer` / `right`) and delivery to maildirs. It takes mail for
 * `oncall@` and `lead@example.org`, defers `grey…@` with 451 and knows nobody else (550).
 */
export async function startExim(): Promise<Exim> {
  const folder = mkdtempSync(join(tmpdir(), 'kh-exim-'))
  chmodSync(folder, 0o755)
  const certificates = makeCertificates(folder)
  for (const one of ['spool', 'log', 'mail']) mkdirSync(join(folder, one))
  const port = await freePort()
  writeFileSync(join(folder, 'exim.conf'), configuration(folder, port, certificates))
  execFileSync('chown', ['-R', 'Debian-exim:Debian-exim', folder])
  execFileSync('chown', ['root:root', join(folder, 'exim.conf')])
  const child = spawn(EXIM, ['-C', join(folder, 'exim.conf'), '-bdf'], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')))
  await waitFor('exim listens', () => {
    if (child.exitCode !== null) throw new Error(`exim ended: ${said}`)
    return existsSync(join(folder, 'exim.pid'))
  })
  return {
    port,
    certificates,
    mails: (localPart) => {
      const box = join(folder, 'mail', localPart, 'new')
      if (!existsSync(box)) return []
      return readdirSync(box)
        .toSorted()
        .map((file) => readMail(readFileSync(join(box, file), 'utf8')))
    },
    stop: async () => {
      if (child.exitCode === null) {
        child.kill('SIGTERM')
        await once(child, 'exit')
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function configuration(folder: string, port: number, { keyFile, certFile }: Certificates): string {
  return `
primary_hostname = localhost
spool_directory = ${folder}/spool
log_file_path = ${folder}/log/%slog
pid_file_path = ${folder}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts = *
tls_certificate = ${certFile}
tls_privatekey = ${keyFile}
auth_advertise_hosts = \${if eq{$tls_in_cipher}{}{}{*}}
acl_smtp_rcpt = rcpt
acl_smtp_data = data
message_size_limit = 1M
smtp_accept_queue_per_connection = 0

begin acl
rcpt:
  deny    message = authentication required
          !authenticated = *
  defer   message = greylisted
          local_parts = ^grey
  accept  domains = example.org
          local_parts = oncall : lead
  deny    message = no such user
data:
  accept

begin routers
boxes:
  driver = accept
  domains = example.org
  local_parts = oncall : lead
  transport = boxes

begin transports
boxes:
  driver = appendfile
  directory = ${folder}/mail/$local_part_data
  maildir_format
  create_directory
  user = Debian-exim
  group = Debian-exim

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{$auth2}{healer}}{eq{$auth3}{right}}}{yes}{no}}
  server_set_id = $auth2
`
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
