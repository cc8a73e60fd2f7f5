import { describe, expect, it } from 'vitest'
import { below, position, reference, SPARK_FLOOR, spark, whisker } from './scale'
import { hidden, shown, unit } from './testing'

describe('whisker', () => {
  it('stands on the one scale from 0 to 100', () => {
    expect(whisker(shown(90, 50, { score_low: 85, score_high: 94 }))).toEqual({ dot: 90, low: 85, high: 94 })
    expect(position(-3)).toBe(0)
    expect(position(104)).toBe(100)
  })

  it.each(['no_data', 'not_enough', 'protected'] as const)('draws nothing when %s', (why) => {
    expect(whisker(hidden(why, 7))).toBeNull()
  })
})

describe('below', () => {
  const hospital = unit('hospital', shown(90, 1000))
  it.each([
    ['wholly below', shown(80, 50, { score_high: 89.9 }), true],
    ['touching', shown(80, 50, { score_high: 90 }), false],
    ['around', shown(89, 50, { score_high: 95 }), false],
    ['withheld', hidden('not_enough', 4), false],
  ])('%s', (_, figure, want) => {
    expect(below(unit('d', figure), reference(hospital))).toBe(want)
  })

  it('says nothing while the hospital has no score', () => {
    expect(below(unit('d', shown(10, 50)), reference(unit('hospital', hidden('not_enough', 9))))).toBe(false)
  })
})

describe('spark', () => {
  it('is nothing without hours', () => {
    expect(spark([])).toBeNull()
  })

  it('breaks the line where an hour has no score', () => {
    const drawn = spark(
      [9, 10, 11, 12, 13].map((hour) => ({ hour, answered: hour === 11 ? 2 : 20, score: hour === 11 ? null : 75 })),
      5,
    )
    expect(drawn?.lines.map((line) => line.length)).toEqual([2, 2])
    expect(drawn?.bars.map((bar) => bar.height)).toEqual([100, 100, 10, 100, 100])
    expect(drawn?.lines[0]?.[0]?.y).toBe(50)
  })

  it('shows the last hours only, in order, the newest at the right edge', () => {
    const drawn = spark(
      [17, 8, 16].map((hour) => ({ hour, answered: 1, score: 100 })),
      4,
    )
    expect(drawn?.bars.map((bar) => bar.hour)).toEqual([16, 17])
    expect((drawn?.bars[1]?.x ?? 0) + (drawn?.bars[1]?.width ?? 0)).toBeGreaterThan(90)
  })

  it('lays what is below the floor on the floor', () => {
    const drawn = spark([{ hour: 9, answered: 3, score: SPARK_FLOOR - 20 }])
    expect(drawn?.lines[0]?.[0]?.y).toBe(100)
  })
})
