import { expect, it } from 'vitest'
import { isNight, nextTheme } from './theme'

it.each([
  ['auto', 6, true],
  ['auto', 7, false],
  ['auto', 18, false],
  ['auto', 19, true],
  ['day', 23, false],
  ['night', 12, true],
] as const)('%s at %i: night is %s', (theme, hour, want) => {
  expect(isNight(theme, hour)).toBe(want)
})

it('goes round the three choices', () => {
  expect([nextTheme('auto'), nextTheme('day'), nextTheme('night')]).toEqual(['day', 'night', 'auto'])
})
