import { describe, expect, it } from 'vitest'
import { browserBytes, createUuid7 } from './uuid7'

const FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe('ids made on the device', () => {
  it('carries the time, version and variant', () => {
    const id = createUuid7(browserBytes)(Date.parse('2026-11-21T02:42:07.120Z'))
    expect(id).toMatch(FORM)
    expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(Date.parse('2026-11-21T02:42:07.120Z'))
  })

  it('sorts in the order of making, even within a millisecond and when the clock goes back', () => {
    const newId = createUuid7(browserBytes)
    const ids = Array.from({ length: 5000 }, () => newId(1_000_000))
    ids.push(newId(900_000), newId(1_000_001), newId(2_000_000))
    expect(ids).toEqual([...ids].sort())
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(FORM)
  })
})
