import { describe, expect, it } from 'vitest'
import { afterClose, FIRST_WAIT_MS, LONG_WAIT_MS, MOST_WAIT_MS } from './closing'

describe('afterClose', () => {
  it.each([
    [4401, 'not_enrolled'],
    [4403, 'revoked'],
    [4409, 'shared_key'],
  ])('stops at %i as %s', (code, stop) => {
    expect(afterClose(code, 3, 0.5)).toEqual({ stop })
  })

  it.each([4400, 4429])('waits half a minute after %i', (code) => {
    expect(afterClose(code, 0, 0.5)).toEqual({ delayMs: LONG_WAIT_MS })
  })

  it('comes back at once when it was too slow, but not in a circle', () => {
    expect(afterClose(4408, 0, 1)).toEqual({ delayMs: 0 })
    expect(afterClose(4408, 3, 1)).toEqual({ delayMs: FIRST_WAIT_MS * 8 })
  })

  it.each([1001, 1006, 1009, 0])('comes back after %i, later each time, never later than the most', (code) => {
    expect(afterClose(code, 0, 1)).toEqual({ delayMs: FIRST_WAIT_MS })
    expect(afterClose(code, 2, 1)).toEqual({ delayMs: FIRST_WAIT_MS * 4 })
    expect(afterClose(code, 40, 1)).toEqual({ delayMs: MOST_WAIT_MS })
    expect(afterClose(code, 40, 0)).toEqual({ delayMs: MOST_WAIT_MS / 2 })
  })
})
