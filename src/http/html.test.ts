import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { html } from './html.ts'

describe('html', () => {
  it('escapes what goes into text and attributes', () => {
    expect(html`<a title="${`"><script>'&`}">${'<b>'}</a>`.text).toBe(
      '<a title="&quot;&gt;&lt;script&gt;&#39;&amp;">&lt;b&gt;</a>',
    )
  })

  it('takes its own markup and lists of it as they are, and leaves out what is not there', () => {
    const items = ['a', '<'].map((text) => html`<li>${text}</li>`)

    expect(html`<ul>${items}</ul>${null}${undefined}${false}${0}`.text).toBe('<ul><li>a</li><li>&lt;</li></ul>0')
  })

  it('lets no text open a tag or leave a quoted attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const inner = html`${text}`.text
        expect(inner).not.toMatch(/[<>"']/)
        expect(inner).not.toMatch(/&(?!(?:amp|lt|gt|quot|#39);)/)
      }),
    )
  })
})
