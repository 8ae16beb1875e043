import type { Service } from './service.ts'

/** Answers of the HTTP API, as far as tests read them. */
export interface ApiIncident {
  readonly id: number
  readonly rule: string
  readonly subject: string
  readonly state: string
  readonly reason: string
  readonly detail: string
  readonly outcome: string | null
  readonly openedAt: string
  readonly closedAt: string | null
  readonly attempts: number
}

export interface ApiStep {
  readonly key: string
  readonly type: string
  readonly startedAt: string
  readonly finishedAt: string | null
  readonly result: {
    readonly outcome: string
    readonly exitCode: number | null
    readonly reason: string
    readonly output: string
  } | null
}

export interface ApiView {
  readonly incident: ApiIncident & {
    readonly firing: readonly unknown[]
    readonly round: number
    readonly owner: string | null
    readonly approval: { readonly request: number; readonly by: string | null; readonly expiresAt: string } | null
  }
  readonly attempts: readonly {
    readonly attempt: number
    readonly status: string
    readonly reason: string
    readonly startedAt: string | null
    readonly steps: readonly ApiStep[]
  }[]
  readonly decisions: readonly {
    readonly kind: string
    readonly verdict: string
    readonly guard: string | null
    readonly reason: string
    readonly count: number
    readonly firstAt: string
    readonly results: readonly {
      readonly guard?: string
      readonly verdict: string
      readonly reason: string
      readonly serves?: boolean
    }[]
  }[]
  readonly escalations: readonly {
    readonly kind: string
    readonly level: number
    readonly round: number
    readonly reason: string
    readonly createdAt: string
    readonly toldAt: string | null
  }[]
  readonly mails: readonly {
    readonly messageId: string
    readonly state: string
    readonly recipient: string
    readonly tries: number
  }[]
  readonly journal: readonly {
    readonly at: string
    readonly state: string
    readonly reason: string
    readonly event: { readonly type: string; readonly jitterMs?: number }
  }[]
}

export async function incidents(service: Service, query = ''): Promise<readonly ApiIncident[]> {
  return ((await service.get(`/incidents${query}`)) as { items: readonly ApiIncident[] }).items
}

/** However many there are: a page holds a thousand at most. */
export async function allIncidents(service: Service): Promise<readonly ApiIncident[]> {
  const all: ApiIncident[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const after = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page = (await service.get(`/incidents?limit=1000${after}`)) as { items: ApiIncident[]; next: string | null }
    all.push(...page.items)
    cursor = page.next
  }
  return all
}

export async function incident(service: Service, id: number): Promise<ApiView> {
  return (await service.get(`/incidents/${id}`)) as ApiView
}

export async function history(
  service: Service,
  query = '',
): Promise<readonly { incident: number; attempt: number; status: string; target: string; outcome: string | null }[]> {
  return (
    (await service.get(`/history${query}`)) as {
      items: readonly { incident: number; attempt: number; status: string; target: string; outcome: string | null }[]
    }
  ).items
}

/** The value of one series of /metrics; 0 when it is not there yet. */
export async function metric(service: Service, series: string): Promise<number> {
  const line = (await service.text('/metrics')).split('\n').find((one) => one.startsWith(`${series} `))
  return line === undefined ? 0 : Number(line.slice(series.length + 1))
}
