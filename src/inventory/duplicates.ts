import type { Complain, Path } from '../document/document.ts'
import { addressText } from './address.ts'
import type { Target } from './inventory.ts'

/** A target and where it stands in the file. */
export interface Placed {
  readonly target: Target
  readonly path: Path
}

/**
 * Complains about what two targets may not share: id or name in a cluster, unit on a machine, listener, alias. A label that
 * would name either of two is no use, and one unit under two names would be repaired as two things.
 */
export function duplicates(placed: readonly Placed[], complain: Complain): void {
  once(
    placed,
    ({ key }) => [key],
    complain,
    (target, first) =>
      target.kind === 'broker'
        ? { at: ['id'], message: `broker ${target.name} is already there in cluster ${first.cluster}` }
        : { at: ['name'], message: `exporter ${target.name} is already there in cluster ${first.cluster}` },
  )
  once(
    placed,
    (target) => [`${machineOf(target)} ${target.unit.manager} ${target.unit.name}`],
    complain,
    (target, first) => ({
      at: ['unit'],
      message:
        first.kind !== target.kind
          ? `${target.unit.name} on ${target.host} is the unit of ${first.key}: an exporter's unit must never be a broker's (a JMX agent lives in its broker)`
          : `${target.unit.name} on ${target.host} is already the unit of ${first.key}`,
    }),
  )
  for (const kind of ['broker', 'exporter'] as const) {
    const same = placed.filter(({ target }) => target.kind === kind)
    once(
      same,
      ({ address }) => (address === null ? [] : [addressText(address)]),
      complain,
      (target, first) => ({
        at: ['address'],
        message: `${target.address === null ? '' : addressText(target.address)} is already the address of ${first.key}`,
      }),
    )
    aliases(same, complain)
  }
}

/** An alias must differ from every alias, host and address of another target of its kind. */
function aliases(placed: readonly Placed[], complain: Complain): void {
  const owners = new Map<string, Target>()
  for (const { target } of placed) {
    for (const name of [target.host, target.address && addressText(target.address)]) {
      if (name && !owners.has(name)) owners.set(name, target)
    }
  }
  for (const { target, path } of placed) {
    for (const [index, alias] of target.aliases.entries()) {
      const owner = owners.get(alias)
      if (owner !== undefined && (owner !== target || target.aliases.indexOf(alias) < index)) {
        complain([...path, 'aliases', index], `the alias "${alias}" already names ${owner.key}`)
      }
      owners.set(alias, owner ?? target)
    }
  }
}

function once(
  placed: readonly Placed[],
  keysOf: (target: Target) => readonly string[],
  complain: Complain,
  say: (target: Target, first: Target) => { readonly at: Path; readonly message: string },
): void {
  const seen = new Map<string, Target>()
  for (const { target, path } of placed) {
    for (const key of keysOf(target)) {
      const first = seen.get(key)
      if (first === undefined) seen.set(key, target)
      else {
        const { at, message } = say(target, first)
        complain([...path, ...at], message)
      }
    }
  }
}

/** All local targets live on one machine, whatever their host is called. */
function machineOf({ connection, host }: Target): string {
  return connection.driver === 'local' ? 'local:' : `ssh:${host}:${connection.port}`
}
