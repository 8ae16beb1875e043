/** The value that the share `q` (0 to 1) of the samples does not exceed; NaN for no samples. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? Number.NaN
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5)
}
