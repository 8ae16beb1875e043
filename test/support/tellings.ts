import { readMail } from './mime.ts'

/** One telling: an incident, and what was said of it. */
export interface Told {
  readonly incident: number
  readonly kind: string
}

/** The incident that a mail is about, or all that a digest lists, as people read them. */
export function toldIn(raw: string): { readonly digest: boolean; readonly told: readonly Told[] } {
  const { text } = readMail(raw)
  const own = /^kafka-healing, incident (\d+), (\w+) \(round \d+, level \d+\)/m.exec(text)
  if (own) return { digest: false, told: [{ incident: Number(own[1]), kind: own[2] ?? '' }] }
  const lines = [...text.matchAll(/#(\d+) (\w+), \w+:/g)]
  return { digest: true, told: lines.map(([, id, kind]) => ({ incident: Number(id), kind: kind ?? '' })) }
}
