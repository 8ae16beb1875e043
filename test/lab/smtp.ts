// The lab's SMTP server, a process of its own so that it can be taken away and given back.
// usage: node smtp.ts FOLDER PORT STARTTLS_PORT KEY CERT
// Each mail becomes NNNNNN.eml (the message) and NNNNNN.json (its envelope, written last: a mail is there when its json is).
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

const [folder = '', port = '', tlsPort = '', keyFile = '', certFile = ''] = process.argv.slice(2)
const taken = readdirSync(folder).map((name) => Number.parseInt(name, 10))
let count = Math.max(0, ...taken)

/** A recipient whose address begins with a reply code, e.g. `451-later@example.com`, is answered with that code. */
const refuseByName: NonNullable<SMTPServerOptions['onRcptTo']> = (address, _session, callback) => {
  const code = /^([45]\d\d)[-.]/.exec(address.address)?.[1]
  if (code === undefined) return callback()
  callback(Object.assign(new Error(`recipient asks for ${code}`), { responseCode: Number(code) }))
}

const keep: NonNullable<SMTPServerOptions['onData']> = (stream, session, callback) => {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('end', () => {
    count += 1
    const name = join(folder, String(count).padStart(6, '0'))
    const { mailFrom, rcptTo } = session.envelope
    const envelope = {
      from: mailFrom === false ? '' : mailFrom.address,
      to: rcptTo.map((recipient) => recipient.address),
      receivedAt: new Date().toISOString(),
      secure: session.secure,
    }
    writeFileSync(`${name}.eml`, Buffer.concat(chunks))
    writeFileSync(`${name}.new`, `${JSON.stringify(envelope)}\n`)
    renameSync(`${name}.new`, `${name}.json`)
    callback(null, `kept as ${count}`)
  })
}

const common: SMTPServerOptions = {
  authOptional: true,
  onRcptTo: refuseByName,
  onData: keep,
  onAuth: (auth, _session, callback) => callback(null, { user: auth.username }),
}
const servers = [
  [new SMTPServer({ ...common, disabledCommands: ['STARTTLS'], allowInsecureAuth: true }), port],
  [new SMTPServer({ ...common, key: readFileSync(keyFile), cert: readFileSync(certFile) }), tlsPort],
] as const
for (const [server, at] of servers) {
  // A client that is killed in the middle of a handshake must not take the server with it.
  server.on('error', (error) => console.error(error.message))
  server.listen(Number(at), '127.0.0.1')
}
