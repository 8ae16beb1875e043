import { inSync } from './in-sync.ts'
import { kafkaApi } from './kafka-api.ts'
import type { Probe } from './probe.ts'
import { programProbe } from './program.ts'
import { promql } from './promql.ts'
import { httpScrape } from './scrape.ts'
import { unit } from './unit.ts'

/** Every look that a runbook may take. A line here grants it. */
export const probes: readonly Probe[] = [unit, kafkaApi, inSync, promql, httpScrape, programProbe]

/** The probe of that name, or undefined: names come from files. */
export function probeOf(type: string): Probe | undefined {
  return probes.find((probe) => probe.type === type)
}
