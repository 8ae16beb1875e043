import { createHash } from 'node:crypto'
import type { RunOptions } from './host.ts'
import { KILL_GRACE_MS } from './host.ts'

/** Environment variable that marks every process of one run, so that the ones that left its process group are found. */
export const MARKER = 'KAFKA_HEALING_RUN'

/** Exit code of a run that did not begin because its lock is held (S-4.5). */
export const BUSY = 75

/** How long pipes may stay open after the command itself has ended, before what holds them is killed. */
export const PIPE_GRACE_MS = 1_000

/** What a caller waits beyond limit and kill grace for a command that must be over by then. */
export const DEADLINE_MARGIN_MS = 2_000

/** Words that our lock script prints, preceded by the run's marker: no command can say them by accident. */
const SAYS_BUSY = 'lock is held'
const SAYS_UNSAFE = 'lock directory is not safe to use'

/**
 * Takes the lock named by $1, then becomes the rest of the arguments. The directory is one place per user, whatever kind of
 * session runs us; a directory that somebody else made is not used. Descriptor 9 stays open in the command and its children:
 * the lock is held as long as any of them lives.
 */
const LOCK_SCRIPT = `
d="/tmp/kafka-healing-$(id -u)-locks"
mkdir -m 700 "$d" 2>/dev/null
if [ -L "$d" ] || [ ! -d "$d" ] || [ ! -O "$d" ]; then echo "$${MARKER} ${SAYS_UNSAFE}: $d" >&2; exit ${BUSY}; fi
{ exec 9>"$d/$1"; } 2>/dev/null || { echo "$${MARKER} ${SAYS_UNSAFE}: $d/$1" >&2; exit ${BUSY}; }
flock -n -E ${BUSY} 9 || { [ $? -eq ${BUSY} ] && echo "$${MARKER} ${SAYS_BUSY}" >&2 || echo "$${MARKER} ${SAYS_UNSAFE}: flock" >&2; exit ${BUSY}; }
shift
exec "$@"
`

/** Kills every process of this user that carries the run's marker $1. The sweep itself has another environment. */
const SWEEP_SCRIPT = `
for e in $(grep -lzsxF "${MARKER}=$1" /proc/[0-9]*/environ); do
  p=\${e#/proc/}
  kill -KILL "\${p%/environ}" 2>/dev/null
done
exit 0
`

/** Why argv cannot be run on any host, or null. Throws nothing: label values may have become arguments. */
export function invalidArgv(argv: readonly string[], env: Readonly<Record<string, string>> = {}): string | null {
  const [file] = argv
  if (file === undefined || file === '') return 'there is no command'
  if (file.startsWith('-') || file.includes('=')) return `"${file}" cannot be the name of a command`
  if (argv.some((arg) => arg.includes('\0'))) return 'an argument holds a NUL character'
  for (const [name, value] of Object.entries(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return `"${name}" cannot be the name of an environment variable`
    if (value.includes('\0')) return `the environment variable ${name} holds a NUL character`
  }
  return null
}

/** argv under its time limit and, where asked for, its lock. `timeout` comes first: it leads the process group. */
export function boundedArgv(argv: readonly string[], options: Pick<RunOptions, 'limitMs' | 'lock'>): readonly string[] {
  const bound = ['timeout', '-k', String(KILL_GRACE_MS / 1000), String(options.limitMs / 1000)]
  if (options.lock === undefined) return [...bound, ...argv]
  return [...bound, 'sh', '-c', LOCK_SCRIPT, 'kafka-healing', lockFile(options.lock), ...argv]
}

export function sweepArgv(marker: string): readonly string[] {
  return ['sh', '-c', SWEEP_SCRIPT, 'kafka-healing-sweep', marker]
}

/** A file name for any lock name: readable, bounded, and different for different names. */
function lockFile(lock: string): string {
  const readable = lock.replaceAll(/[^A-Za-z0-9_.@-]/g, '-').slice(0, 80)
  return `${readable}-${createHash('sha256').update(lock).digest('hex').slice(0, 12)}.lock`
}

/** What our lock script said on stderr, if it was our script that ended the run. */
export function lockVerdict(
  stderr: string,
  marker: string,
): { readonly kind: 'busy' | 'unsafe'; readonly reason: string } | null {
  if (!stderr.startsWith(`${marker} `)) return null
  const said = stderr.slice(marker.length + 1).trim()
  if (said.startsWith(SAYS_BUSY)) return { kind: 'busy', reason: said }
  return said.startsWith(SAYS_UNSAFE) ? { kind: 'unsafe', reason: said } : null
}

/**
 * Whether the time limit ended the run. `timeout` says 124, or dies with the group it kills; a command that says 124 by
 * itself did so before its limit.
 */
export function endedByLimit(
  exitCode: number | null,
  signal: string | null,
  elapsedMs: number,
  limitMs: number,
): boolean {
  return elapsedMs >= limitMs && (exitCode === 124 || exitCode === 137 || signal === 'SIGKILL')
}

/** One word for a POSIX shell, whatever it holds. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
