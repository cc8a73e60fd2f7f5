import { expect, it } from 'vitest'
import { nameParts } from './parts'

it.each([
  ['Outpatient pharmacy window 1', 'Outpatient pharmacy window ', '1', ''],
  ['Registration window 3 (seniors first)', 'Registration window ', '3', ' (seniors first)'],
  ['挂号3号窗口（老年优先）', '挂号', '3号', '窗口（老年优先）'],
  ['3号楼12号窗口', '3号楼', '12号', '窗口'],
  ['Ward 3A', 'Ward ', '3A', ''],
  ['妇产科', '妇产科', '', ''],
])('keeps the last number of %s whole', (name, head, number, rest) => {
  const parts = nameParts(name)
  expect(parts).toEqual({ head, number, rest })
  expect(parts.head + parts.number + parts.rest).toBe(name)
})
