import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { withProgress } from './progress.ts'

let now = 0
const clock = { now: () => now, monotonic: () => now, sleep: () => Promise.resolve() }
const pass = (ms: number): void => {
  now += ms
  vi.advanceTimersByTime(ms)
}
function screen(isTTY = true, columns = 40) {
  const written: string[] = []
  return { isTTY, columns, written, write: (text: string) => written.push(text) }
}
const env = {}

beforeEach(() => {
  now = 0
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('withProgress', () => {
  it('shows what takes longer than a second, and takes it away at the end', async () => {
    const stream = screen()
    const result = await withProgress(
      'reading alerts',
      async (progress) => {
        pass(999)
        progress.say('still early')
        expect(stream.written).toEqual([])
        pass(1)
        expect(stream.written).toEqual(['\r\u001b[2Kstill early (1 s)'])
        pass(1_000)
        return 'done'
      },
      { clock, stream, env },
    )

    expect(result).toBe('done')
    expect(stream.written.at(-2)).toBe('\r\u001b[2Kstill early (2 s)')
    expect(stream.written.at(-1)).toBe('\r\u001b[2K')
    pass(5_000)
    expect(stream.written).toHaveLength(3)
  })

  it('is drawn by what is said while no timer can run, at most ten times a second, and cut to the width', async () => {
    const stream = screen(true, 10)
    await withProgress(
      'x',
      async (progress) => {
        now = 5_000
        for (let one = 0; one < 100; one += 1) progress.say('a long line of words')
        expect(stream.written).toEqual(['\r\u001b[2Ka long li'])
        progress.hide()
        expect(stream.written.at(-1)).toBe('\r\u001b[2K')
        progress.hide()
      },
      { clock, stream, env },
    )
    expect(stream.written).toHaveLength(2)
  })

  it('shows nothing where nobody looks, and lets no escape sequence through', async () => {
    const file = screen(false)
    const dumb = screen()
    const terminal = screen()
    const work = async (progress: { say(what: string): void }) => {
      now += 2_000
      progress.say('a\u001b]0;title\u0007b\u202e')
    }
    await withProgress('x', work, { clock, stream: file, env })
    await withProgress('x', work, { clock, stream: dumb, env: { TERM: 'dumb' } })
    await withProgress('x', work, { clock, stream: terminal, env })

    expect([file.written, dumb.written]).toEqual([[], []])
    expect(terminal.written[0]).toBe('\r\u001b[2Kab\ufffd (2 s)')
  })

  it('takes the line away when the work breaks', async () => {
    const stream = screen()
    const broken = withProgress(
      'x',
      async () => {
        pass(1_000)
        throw new Error('no')
      },
      { clock, stream, env },
    )
    await expect(broken).rejects.toThrow('no')
    expect(stream.written.at(-1)).toBe('\r\u001b[2K')
  })
})
