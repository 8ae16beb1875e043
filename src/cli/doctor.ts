import { pino } from 'pino'
import { type Clock, systemClock } from '../clock.ts'
import { openHosts } from '../hosts/hosts.ts'
import { secretsOf } from '../in-force.ts'
import { openKafkaClients } from '../kafka/open-clients.ts'
import { securityByCluster } from '../kafka/security.ts'
import { configFile } from './config-file.ts'
import { aclsText } from './doctor/acls.ts'
import type { Finding } from './doctor/finding.ts'
import { examineHosts } from './doctor/hosts.ts'
import { examineKafka } from './doctor/kafka.ts'
import { type Known, readKnown } from './doctor/known.ts'
import { examineMail } from './doctor/mail.ts'
import { examineMonitoring } from './doctor/monitoring.ts'
import { renderJson, renderText } from './doctor/render.ts'
import { sudoersText } from './doctor/sudoers.ts'
import { paintFor } from './terminal.ts'

export interface DoctorOptions {
  readonly config?: string
  readonly json?: boolean
  /** Prints what must be granted elsewhere instead of looking. */
  readonly print?: 'sudoers' | 'acls'
}

/** `kafka-healing doctor`: is everything that the configuration names there and as it says? Exit code 1 when something failed. */
export async function doctor(options: DoctorOptions = {}): Promise<void> {
  const known = readKnown(configFile(options.config), process.env)
  if (options.print !== undefined) return print(options.print, known)
  const findings = await diagnose(known, systemClock)
  process.stdout.write(
    options.json === true ? renderJson(findings) : renderText(findings, paintFor(process.stdout, process.env)),
  )
  process.exitCode = findings.some(({ status }) => status === 'failed') ? 1 : 0
}

/** All checks side by side; those whose part of the configuration cannot be read are left out. */
async function diagnose({ config, inventory, rules, findings }: Known, clock: Clock): Promise<readonly Finding[]> {
  const secrets = secretsOf({ config, inventory })
  const hosts = openHosts({ clock, log: pino({ level: 'silent' }), secrets })
  try {
    const found = await Promise.all([
      inventory === null ? [] : examineHosts({ inventory, rules, hosts, clock }),
      inventory === null
        ? []
        : examineKafka({
            inventory,
            kafka: openKafkaClients({ clock, security: securityByCluster(inventory) }),
            clock,
          }),
      config === null ? [] : examineMonitoring(config, clock),
      config === null ? [] : examineMail(config, clock),
    ])
    return [...findings, ...found.flat()]
  } finally {
    await hosts.close()
  }
}

function print(what: 'sudoers' | 'acls', { inventory, rules, findings }: Known): void {
  const errors = findings.filter(({ status }) => status === 'failed')
  // ACLs need the inventory alone; sudoers lines come out of the rules, which may be broken.
  if (inventory === null || (what === 'sudoers' && errors.length > 0)) {
    console.error(errors.map(({ seen }) => seen).join('\n'))
    process.exitCode = 1
    return
  }
  process.stdout.write(what === 'sudoers' ? sudoersText(inventory, rules) : aclsText(inventory))
}
