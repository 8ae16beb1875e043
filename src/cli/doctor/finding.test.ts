import { describe, expect, test } from 'vitest'
import { systemClock } from '../../clock.ts'
import { paintFor } from '../terminal.ts'
import { CheckError, examine, failed, ok, warning } from './finding.ts'
import { renderJson, renderText } from './render.ts'

describe('a check', () => {
  test('that never answers is a failed finding at its deadline, and is told to stop', async () => {
    let told: AbortSignal | null = null
    const hangs = (signal: AbortSignal) => {
      told = signal
      return new Promise<never>(() => undefined)
    }
    const [finding] = await examine('host', 'connection', systemClock, hangs, 20)
    expect(finding).toMatchObject({
      on: 'host',
      check: 'connection',
      status: 'failed',
      seen: 'no answer within 0.02 s',
    })
    expect(told).toMatchObject({ aborted: true })
  })

  test('that throws is a failed finding with what to do', async () => {
    const throws = async () => {
      throw new CheckError('no', 'mend it')
    }
    expect(await examine('x', 'y', systemClock, throws)).toMatchObject([
      { status: 'failed', seen: 'no', todo: 'mend it' },
    ])
  })
})

describe('the report', () => {
  const findings = [
    { on: 'ssh healer@kafka-1', check: 'clock', ...ok('0.1 s ahead') },
    { on: 'cluster orders', check: 'rights', ...failed('none\u001b[2J', 'grant them') },
    { on: 'ssh healer@kafka-1', check: 'hold file', ...warning('is there', 'remove it') },
  ]

  test('puts together what was found on one thing, aligned, with what to do below', () => {
    const text = renderText(findings, paintFor({}, {}))
    expect(text).toBe(`ssh healer@kafka-1
  ok       clock      0.1 s ahead
  warning  hold file  is there
                      → remove it

cluster orders
  failed   rights     none
                      → grant them

1 ok, 1 warning, 1 failed
`)
  })

  test.each([
    [{ isTTY: true }, {}, true],
    [{ isTTY: true }, { NO_COLOR: '1' }, false],
    [{ isTTY: true }, { NO_COLOR: '' }, true],
    [{ isTTY: true }, { TERM: 'dumb' }, false],
    [{}, {}, false],
  ])('on %j with %j has colours: %s', (stream, env, coloured) => {
    expect(renderText(findings, paintFor(stream, env)).includes('\u001b')).toBe(coloured)
  })

  test('for programs counts what failed', () => {
    expect(JSON.parse(renderJson(findings))).toMatchObject({ ok: false, failed: 1, warnings: 1, findings })
  })
})
