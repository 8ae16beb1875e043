import { inSync } from './in-sync.ts'
import { kafkaApi } from './kafka-api.ts'
import type { Probe } from './probe.ts'
import { programProbe } from './program.ts'
import { promql } from './promql.ts'
import { httpScrape } from './scrape.ts'
import { unit } from './unit.ts'

/** Every look that a runbook may take. A line here grants it. */
const all: readonly Probe[] = [unit, kafkaApi, inSync, promql, httpScrape, programProbe]

export const probes: ReadonlyMap<string, Probe> = new Map(all.map((probe) => [probe.type, probe]))
