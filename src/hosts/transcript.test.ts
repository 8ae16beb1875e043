import { describe, expect, test } from 'vitest'
import { openTranscript, redactorOf } from './transcript.ts'

const nothing = redactorOf([])

describe('a transcript', () => {
  test('keeps everything of a short output', () => {
    const transcript = openTranscript(nothing, 8)
    for (const part of ['abc', 'defgh', 'ijk', 'lmnop']) transcript.push(Buffer.from(part))
    expect(transcript.text()).toBe('abcdefghijklmnop')
  })

  test.each([1, 3, 7, 8, 9, 1000])('keeps head and tail of a long output that comes in chunks of %d bytes', (size) => {
    const output = Array.from({ length: 100 }, (_, i) => String.fromCodePoint(97 + (i % 26))).join('')
    const transcript = openTranscript(nothing, 8)
    for (let i = 0; i < output.length; i += size) transcript.push(Buffer.from(output.slice(i, i + size)))
    expect(transcript.text()).toBe(`abcdefgh\n[… 84 bytes left out …]\n${output.slice(-8)}`)
  })

  test('shows no secret, not even the part of one that the cut left over', () => {
    const transcript = openTranscript(redactorOf(['hunter22', 'abc']), 8)
    transcript.push(Buffer.from('head hunter22 ........ hunter22 tail'))
    expect(transcript.text()).toBe('head [redacted]\n[… 20 bytes left out …]\n[redacted] tail')
  })

  test('takes the longer of two secrets that contain each other', () => {
    const transcript = openTranscript(redactorOf(['pass', 'password', 'x']))
    transcript.push(Buffer.from('the password and the pass of x'))
    expect(transcript.text()).toBe('the [redacted] and the [redacted] of x')
  })
})
