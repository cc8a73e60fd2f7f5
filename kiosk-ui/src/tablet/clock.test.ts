import { describe, expect, it } from 'vitest'
import { clockOffset, hospitalDay, toDeviceTime, wireTime } from './clock'

describe('clocks', () => {
  it('takes the server’s time as read half-way', () => {
    expect(clockOffset(wireTime(10_000), 4_000, 4_200)).toBe(5_900)
    expect(clockOffset('soon', 0, 0)).toBeNull()
  })

  it('shows a server’s time on the device’s clock', () => {
    expect(toDeviceTime(wireTime(60_000), 5_000)).toBe(55_000)
    expect(toDeviceTime('', 5_000)).toBeNull()
  })

  it('writes milliseconds in UTC', () => {
    expect(wireTime(Date.UTC(2026, 10, 21, 2, 42, 7, 120))).toBe('2026-11-21T02:42:07.120Z')
  })

  it.each([
    ['Asia/Shanghai', '2026-11-21T15:59:59.999Z', '2026-11-21'],
    ['Asia/Shanghai', '2026-11-21T16:00:00.000Z', '2026-11-22'],
    ['Asia/Urumqi', '2026-11-21T17:59:59.999Z', '2026-11-21'],
    ['America/New_York', '2026-11-21T04:59:59.999Z', '2026-11-20'],
  ])('in %s, %s is %s', (zone, at, day) => {
    expect(hospitalDay(Date.parse(at), zone)).toBe(day)
  })

  it.each([undefined, 'Local'])('goes by the device where the zone is %s', (zone) => {
    const noon = new Date(2026, 10, 21, 12).getTime()
    expect(hospitalDay(noon, zone)).toBe('2026-11-21')
  })
})
