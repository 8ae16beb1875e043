import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { iso } from '../clock.ts'
import { parseDuration } from '../duration.ts'
import { type IncidentView, StoreUnavailableError, type TokenAction, type TokenSeen } from '../store/store.ts'
import type { App, HttpDeps } from './deps.ts'
import { type Html, html } from './html.ts'
import { silencesFor } from './incident-silence.ts'
import { sendPage } from './page.ts'
import { grantByLink } from './persons-wish.ts'
import { alertName } from './present.ts'

const FORM_BYTES = 4 * 1024
const DURATIONS = ['1h', '4h', '1d', '7d'] as const
const ANONYMOUS = 'somebody by the link in a mail'

const TITLES: Readonly<Record<TokenAction, string>> = {
  takeOver: 'Take over',
  retry: 'Retry once',
  silence: 'Silence',
  approve: 'Approve',
}
const MEANS: Readonly<Record<TokenAction, string>> = {
  takeOver: 'Nothing more is tried and nobody else is told. The probes notice when it is repaired.',
  retry: 'Exactly one more attempt, at the last rung. The guards run all the same and may refuse.',
  silence: 'New attempts and all clocks of what these alerts concern stop until it ends.',
  approve: 'Exactly what is asked for below may be done, once, within the next minutes. The guards run again first.',
}
const GONE: Readonly<Record<Exclude<TokenSeen['state'], 'valid'>, string>> = {
  used: 'This link was used already. It works once.',
  expired: 'This link is too old. The next mail has a new one.',
  unknown: 'There is no such link.',
}

const Token = z.strictObject({ token: z.string().min(1).max(300) })

/**
 * The links in mails. The token is the credential and works once. Opening one changes nothing, because mail scanners
 * open links; the button on the page posts back.
 */
export function linkRoutes(app: App, deps: HttpDeps): void {
  const { store, clock, log } = deps

  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: FORM_BYTES },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  )
  app.setErrorHandler((error: Error & { readonly statusCode?: number }, _request, reply) => {
    const away = error instanceof StoreUnavailableError
    if (!away && (error.statusCode ?? 500) >= 500) log.error({ err: error }, 'link failed')
    const status = away ? 503 : (error.statusCode ?? 500)
    return sendPage(
      reply,
      status,
      'That did not work',
      html`<p>${away ? 'The store cannot commit now. Nothing was changed; try again in a minute.' : 'Nothing was changed. Use the address in the mail as it is.'}</p>`,
    )
  })

  app.get(
    '/link/:token',
    {
      schema: {
        summary: 'The page behind a link in a mail; changes nothing',
        tags: ['links'],
        params: Token,
        response: { 200: z.string(), 410: z.string() },
      },
    },
    async ({ params }, reply) => {
      const seen = await store.readToken(params.token, clock.now())
      const view = seen.state === 'valid' ? await store.incidentView(seen.incident) : null
      if (seen.state !== 'valid' || view === null) return sendGone(reply, seen)
      return sendPage(reply, 200, `${TITLES[seen.action]}: incident ${seen.incident}`, askPage(seen.action, view))
    },
  )
  app.post(
    '/link/:token',
    {
      schema: {
        summary: 'Does what the link says, once',
        tags: ['links'],
        params: Token,
        body: z.object({ by: z.string().max(200).optional(), duration: z.string().max(20).optional() }).nullish(),
        response: { 200: z.string(), 409: z.string(), 410: z.string() },
      },
    },
    async ({ params, body }, reply) => {
      const by = body?.by?.trim() || ANONYMOUS
      // Spent only by what it brought about: a link that came too early or met a full disk can be pressed again.
      const { seen, granted } = await grantByLink(deps, params.token, by)
      if (seen.state !== 'valid') return sendGone(reply, seen)
      const title = `${TITLES[seen.action]}: incident ${seen.incident}`
      if (seen.action === 'silence') {
        const ends = await silenceIncident(seen.incident, by, body?.duration)
        if (ends !== null) await store.useToken(params.token, clock.now())
        return ends === null
          ? sendPage(reply, 409, title, html`<p>There is no alert left to silence. Nothing was changed.</p>`)
          : sendPage(reply, 200, title, html`<p>Done. Its alerts are silenced until ${ends}.</p>`)
      }
      if (granted.kind === 'done')
        return sendPage(reply, 200, title, html`<p>Done. ${granted.moved.incident.detail}</p>`)
      const why = granted.kind === 'nothing' ? granted.why : 'the incident does not exist any more'
      return sendPage(reply, 409, title, html`<p>Nothing was changed: ${why}.</p>`)
    },
  )

  async function silenceIncident(id: number, by: string, chosen: string | undefined): Promise<string | null> {
    const view = await store.incidentView(id)
    if (view === null) return null
    const now = clock.now()
    const duration = DURATIONS.find((one) => one === chosen) ?? '4h'
    const made = silencesFor(view, by, parseDuration(duration) ?? 0, now)
    for (const silence of made) await store.createSilence(silence, now)
    const [first] = made
    if (first === undefined) return null
    log.info({ incident: id, by, silences: made.length }, 'silenced by link')
    deps.wake()
    return iso(first.endsAt)
  }
}

function sendGone(reply: FastifyReply, seen: TokenSeen): FastifyReply {
  const why = seen.state === 'valid' ? 'The incident does not exist any more.' : GONE[seen.state]
  return sendPage(reply, 410, 'Nothing to do here', html`<p>${why}</p>`)
}

function askPage(action: TokenAction, { incident, alerts }: IncidentView): Html {
  const names = [...new Set(alerts.map(alertName))].slice(0, 5).join(', ')
  return html`<table>
<tr><th>Rule</th><td>${incident.plan.rule}</td></tr>
<tr><th>Alerts</th><td>${names}</td></tr>
<tr><th>Concerns</th><td>${incident.subject.key}</td></tr>
<tr><th>Since</th><td>${iso(incident.openedAt)}</td></tr>
<tr><th>Stands</th><td>${incident.state} (${incident.reason})<br>${incident.detail}</td></tr>
<tr><th>Taken over by</th><td>${incident.owner ?? 'nobody'}</td></tr>
</table>
<p>${MEANS[action]}</p>
${action === 'approve' && html`<p>Asked for: ${incident.approval?.about ?? 'nothing any more'}</p>`}
<form method="post">
<p><label>Your name <input name="by" maxlength="200" autocomplete="name"></label></p>
${action === 'silence' && html`<p><label>For <select name="duration">${DURATIONS.map((one) => html`<option value="${one}"${one === '4h' && html` selected`}>${one}</option>`)}</select></label></p>`}
<p><button type="submit">${TITLES[action]}</button></p>
</form>`
}
