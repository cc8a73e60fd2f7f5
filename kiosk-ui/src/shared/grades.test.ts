import { describe, expect, it } from 'vitest'
import { gradeOrder, gradeText, isGrade, isLow } from './grades'

describe('grades', () => {
  it('runs from worst to best, and the other way on a mirrored device', () => {
    expect(gradeOrder(false)).toEqual([1, 2, 3, 4, 5])
    expect(gradeOrder(true)).toEqual([5, 4, 3, 2, 1])
  })

  it('names the ends', () => {
    expect(gradeText(1).zh).toBe('非常不满意')
    expect(gradeText(5).en).toBe('Very satisfied')
  })

  it.each([
    [0, false],
    [1, true],
    [5, true],
    [6, false],
    [2.5, false],
  ])('%d is a grade: %s', (n, want) => {
    expect(isGrade(n)).toBe(want)
  })

  it('calls back after 1 and 2', () => {
    expect([1, 2, 3, 4, 5].map((g) => isLow(g as 1))).toEqual([true, true, false, false, false])
  })
})
