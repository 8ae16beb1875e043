const UNIT_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  month: 2_629_800_000,
  y: 31_557_600_000,
}

/** A time span as `systemctl show` prints it (`1min 30s`, `infinity`), in milliseconds; null when it is none. */
export function spanMs(text: string, infinityMs: number): number | null {
  if (text === 'infinity') return infinityMs
  let total = 0
  for (const part of text.split(' ')) {
    const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(part) ?? []
    const unitMs = UNIT_MS[unit]
    if (part === '0' && text === '0') return 0
    if (amount === undefined || unitMs === undefined) return null
    total += Number(amount) * unitMs
  }
  return total
}
