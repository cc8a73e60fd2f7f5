export type Theme = 'auto' | 'day' | 'night'

/** The wall is dark from 19:00 to 07:00, when the lights in the office are low. */
export const NIGHT_FROM = 19
export const NIGHT_UNTIL = 7

/** Whether the board is dark at this hour. */
export function isNight(theme: Theme, hour: number): boolean {
  if (theme !== 'auto') return theme === 'night'
  return hour >= NIGHT_FROM || hour < NIGHT_UNTIL
}

const order: Theme[] = ['auto', 'day', 'night']

/** The next choice of the switch. */
export function nextTheme(theme: Theme): Theme {
  return order[(order.indexOf(theme) + 1) % order.length] ?? 'auto'
}
