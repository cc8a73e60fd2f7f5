import { describe, expect, it } from 'vitest'
import { cleanedDiffers, count, minutesSince, NOTHING, percent, score, timesIn, wholePercent } from './format'
import { hidden, shown } from './testing'

describe('numbers', () => {
  it('gives scores one decimal', () => {
    expect([score(90), score(87.46), score(undefined)]).toEqual(['90.0', '87.5', NOTHING])
  })

  it.each([
    [0, '0.0%'],
    [0.0004, '<0.1%'],
    [0.031, '3.1%'],
    [0.9999, '>99.9%'],
    [1, '100.0%'],
    [null, NOTHING],
    [undefined, NOTHING],
  ])('words the share %s as %s', (share, want) => {
    expect(percent(share)).toBe(want)
  })

  it('groups counts and rounds rates', () => {
    expect([count(12345), count(0), count(undefined)]).toEqual(['12,345', '0', NOTHING])
    expect([wholePercent(0.605), wholePercent(null)]).toEqual(['61%', NOTHING])
  })
})

describe('times', () => {
  it("are the hospital's, wherever the screen hangs", () => {
    const { clock, day, hour } = timesIn('Asia/Shanghai')
    expect(clock('2026-11-21T02:42:07.120Z')).toBe('10:42')
    expect(clock('2026-11-21T16:05:00.000Z')).toBe('00:05')
    expect(hour('2026-11-21T16:05:00.000Z')).toBe(0)
    expect(clock('soon')).toBe(NOTHING)
    expect(day('2026-11-21T16:05:00.000Z', 'zh')).toBe('11月22日星期日')
    expect(timesIn('Asia/Urumqi').clock('2026-11-21T02:42:07.120Z')).toBe('08:42')
  })

  it.each([undefined, 'Nowhere/Land'])("are the screen's own while the zone is %s", (zone) => {
    const at = new Date(2026, 10, 21, 9, 5)
    expect(timesIn(zone).clock(at)).toBe('09:05')
  })

  it('never count minutes backwards', () => {
    const now = Date.parse('2026-11-21T02:42:00.000Z')
    expect(minutesSince('2026-11-21T02:30:30.000Z', now)).toBe(11)
    expect(minutesSince('2026-11-21T02:50:00.000Z', now)).toBe(0)
  })
})

describe('cleanedDiffers', () => {
  it.each([
    ['differs in print', shown(84.6, 99, { cleaned_score: 83.7, flagged: 14 }), true],
    ['the same in print', shown(84.61, 99, { cleaned_score: 84.63, flagged: 1 }), false],
    ['nothing flagged', shown(84.6, 99, { cleaned_score: 83.7, flagged: 0 }), false],
    ['withheld', hidden('not_enough', 3), false],
  ])('%s', (_, figure, want) => {
    expect(cleanedDiffers(figure)).toBe(want)
  })
})
