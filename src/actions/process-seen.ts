/** The main process of a unit, from the kernel's own files. */
export interface ProcessSeen {
  readonly name: string
  /** As the kernel says it: `S (sleeping)`, `T (stopped)`, `D (disk sleep)`. */
  readonly state: string
  readonly catchesQuit: boolean
}

/** SIGQUIT is signal 3; bit 2 of the mask in `SigCgt`. */
const QUIT = 0b100n

/** Null where the text is no `/proc/<pid>/status`. */
export function processSeen(status: string): ProcessSeen | null {
  const field = (name: string) => new RegExp(`^${name}:\\s*(.+)$`, 'm').exec(status)?.[1] ?? ''
  const caught = field('SigCgt')
  if (!/^[0-9a-f]+$/.test(caught)) return null
  return { name: field('Name'), state: field('State'), catchesQuit: (BigInt(`0x${caught}`) & QUIT) !== 0n }
}
