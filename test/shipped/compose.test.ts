import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config.ts'
import { loadInventory } from '../../src/inventory/load.ts'
import { repository } from '../lab/state.ts'

interface Service {
  readonly image?: string
  readonly build?: string | { readonly context: string; readonly dockerfile: string }
  readonly volumes?: readonly string[]
}

const read = (path: string) => readFileSync(join(repository, path), 'utf8')
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>
}
const services = Object.entries(compose.services)

describe('docker-compose.yml', () => {
  test('mounts and builds only what the repository has, and pins every image', () => {
    for (const [name, service] of services) {
      const mounted = (service.volumes ?? [])
        .map((volume) => volume.split(':')[0] ?? '')
        .filter((path) => path.startsWith('.'))
      expect(
        mounted.filter((path) => !existsSync(join(repository, path))),
        name,
      ).toEqual([])
      const dockerfile =
        typeof service.build === 'string' ? join(service.build, 'Dockerfile') : service.build?.dockerfile
      if (dockerfile === undefined) expect(service.image, name).toMatch(/^[a-z]+\/[a-z-]+:v?\d/)
      else expect(read(dockerfile), name).toMatch(/^FROM \S+:\S*\d/m)
    }
  })

  test('has a service for every address in the Prometheus and Alertmanager configurations', () => {
    const files = [
      'deploy/prometheus/prometheus.yml',
      'deploy/alertmanager/alertmanager.yml',
      'deploy/compose/inventory.yml',
      'deploy/compose/config.yml',
    ]
    const named = files.flatMap((file) =>
      [...read(file).matchAll(/\b([a-z][a-z0-9-]*):(?:\d{4})\b/g)].map(([, host]) => host),
    )
    expect(new Set(named).size).toBeGreaterThan(6)
    expect([...new Set(named)].filter((host) => compose.services[host ?? ''] === undefined)).toEqual([])
  })

  test('brings a configuration and an inventory that kafka-healing takes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'compose-'))
    try {
      for (const name of ['config.yml', 'inventory.yml'])
        symlinkSync(join(repository, 'deploy/compose', name), join(folder, name))
      symlinkSync(join(repository, 'rules'), join(folder, 'rules'))
      writeFileSync(join(folder, 'token'), 'any long random text', { mode: 0o600 })
      const { problems, paths } = loadConfig(join(folder, 'config.yml'))
      expect(problems).toEqual([])
      expect(loadInventory(paths?.inventory ?? '').problems).toEqual([])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
