/**
 * The zone if this browser knows it; otherwise undefined, with which dates are shown by the
 * computer's own clock. Screens show the hospital's time wherever they hang.
 */
export function knownZone(zone: string | undefined): string | undefined {
  if (!zone) return undefined
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return zone
  } catch {
    return undefined
  }
}
