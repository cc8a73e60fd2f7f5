import { expect, it } from 'vitest'
import { knownZone } from './zone'

it.each([
  ['Asia/Shanghai', 'Asia/Shanghai'],
  ['Asia/Nowhere', undefined],
  ['', undefined],
  [undefined, undefined],
])('knownZone(%s) is %s', (zone, want) => {
  expect(knownZone(zone)).toBe(want)
})
