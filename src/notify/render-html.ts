import { assertNever } from '../never.ts'
import type { Block, Document } from './document.ts'

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

/** Plain text as HTML, safe between tags and inside quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => ESCAPES[character] ?? '')
}

const COLORS = { bad: '#b42318', waiting: '#b54708', good: '#067647' } as const
const FONT = 'font-family:-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif'

/** The mail as HTML: one column, styles inline, nothing fetched from anywhere. Every string goes through {@link escapeHtml}. */
export function renderHtml({ subject, lead, tone, sections, foot }: Document): string {
  const body = sections
    .map(
      ({ title, blocks }) =>
        `<h2 style="font-size:15px;margin:24px 0 8px">${escapeHtml(title)}</h2>${blocks.map(block).join('')}`,
    )
    .join('')
  const small = foot.map((one) => `<div>${escapeHtml(one)}</div>`).join('')
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>${escapeHtml(subject)}</title></head>`,
    `<body style="margin:0;padding:16px;${FONT};font-size:14px;line-height:1.45"><div style="max-width:720px">`,
    `<p style="font-size:17px;font-weight:600;margin:0;padding:8px 12px;border-left:4px solid ${COLORS[tone]}">${escapeHtml(lead)}</p>`,
    body,
    `<div style="margin-top:28px;padding-top:8px;border-top:1px solid #999;font-size:12px;color:#667085">${small}</div>`,
    '</div></body></html>',
  ].join('\n')
}

function block(one: Block): string {
  switch (one.type) {
    case 'text':
      return `<p style="margin:0 0 8px">${escapeHtml(one.text).replaceAll('\n', '<br>')}</p>`
    case 'facts':
      return `<table style="border-collapse:collapse;margin:0 0 8px">${one.rows.map(row).join('')}</table>`
    case 'list':
      return `<ul style="margin:0 0 8px;padding-left:20px">${one.items.map((item) => `<li>${escapeHtml(item)}</li>`).join('')}</ul>`
    case 'output':
      return `<pre style="margin:0 0 8px;padding:8px;background:#f2f4f7;color:#101828;white-space:pre-wrap;overflow-wrap:anywhere;font-size:12px">${escapeHtml(one.text)}</pre>`
    case 'links':
      return `<p style="margin:0 0 8px">${one.links.map(link).join(' ')}</p>`
    default:
      return assertNever(one, 'block')
  }
}

function row([name, value]: readonly [string, string]): string {
  return `<tr><td style="padding:1px 12px 1px 0;vertical-align:top;color:#667085">${escapeHtml(name)}</td><td style="padding:1px 0;overflow-wrap:anywhere">${escapeHtml(value)}</td></tr>`
}

function link({ label, url }: { readonly label: string; readonly url: string }): string {
  return `<a href="${escapeHtml(url)}" style="display:inline-block;margin:0 8px 8px 0;padding:6px 12px;border:1px solid #175cd3;border-radius:6px;color:#175cd3;text-decoration:none">${escapeHtml(label)}</a>`
}
