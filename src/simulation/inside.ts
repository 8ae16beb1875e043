import { Duplex } from 'node:stream'
import type { Instant } from '../clock.ts'
import type { Reached } from '../hosts/host.ts'
import type { Liveness } from '../kafka/clients.ts'
import { livenessFrom } from './listener.ts'
import type { TargetModel } from './model.ts'

/** What is to be heard over a connection that a simulated host made. */
const answers = new WeakMap<Duplex, Liveness>()

/** Connects to the target's listener on its own host. */
export function connectInside({ said, unit, machine, target }: TargetModel, now: Instant): Reached {
  if (machine.ssh !== 'ok') return { kind: 'notOpened', reason: `${target.host}: connect EHOSTUNREACH` }
  const liveness = livenessFrom(said.inside ?? 'ok', unit, now)
  switch (liveness.why) {
    case 'refused':
      return { kind: 'refused', reason: '(SSH) Channel open failure: Connection refused' }
    case 'connect-timeout':
      return { kind: 'notAccepted', reason: 'the host did not connect within 5000 ms' }
    case 'unreachable':
      return { kind: 'notOpened', reason: 'the host forbids forwarding: (SSH) Channel open failure: open failed' }
    default: {
      const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
      answers.set(stream, liveness)
      return { kind: 'open', stream }
    }
  }
}

export function answerInside(stream: Duplex): Liveness {
  return answers.get(stream) ?? livenessFrom('error')
}
