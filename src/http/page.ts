import type { FastifyReply } from 'fastify'
import { type Html, html } from './html.ts'

/** Nothing is loaded from anywhere, nothing runs, nobody frames it; a form may only be sent back to us. */
const SECURITY = {
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
} as const

const STYLE = `
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0 }
code, pre { font-family: ui-monospace, monospace; font-size: .9em } pre { overflow-x: auto }
button { font: inherit; padding: .6rem 1.2rem } input, select { font: inherit; padding: .4rem }
details { margin: .4rem 0; border-top: 1px solid #8884; padding-top: .4rem } summary { cursor: pointer }
`

/** Answers with one self-contained page. */
export function sendPage(reply: FastifyReply, status: number, title: string, body: Html): FastifyReply {
  const page = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>${title}</title><style>${STYLE}</style></head>
<body><h1>${title}</h1>
${body}
</body>
</html>
`
  return reply.code(status).headers(SECURITY).type('text/html; charset=utf-8').send(page.text)
}
