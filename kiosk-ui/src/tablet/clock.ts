/**
 * How far the server's clock is ahead of this device's, in milliseconds: the
 * server's time is taken to be read half-way between sending and receiving.
 * null where the server's time cannot be read.
 */
export function clockOffset(serverTime: string, sentAt: number, receivedAt: number): number | null {
  const server = Date.parse(serverTime)
  return Number.isNaN(server) ? null : server - (sentAt + receivedAt) / 2
}

/** A server's time as this device's clock will show it; null where it cannot be read. */
export function toDeviceTime(serverTime: string, offset: number): number | null {
  const server = Date.parse(serverTime)
  return Number.isNaN(server) ? null : server - offset
}

/** The wire's form of a moment: RFC 3339 in UTC with milliseconds. */
export function wireTime(millis: number): string {
  return new Date(millis).toISOString()
}

/** The hospital's calendar day of a moment, as 2026-11-21. */
export function hospitalDay(millis: number, zone = 'Asia/Shanghai'): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(
    millis,
  )
}
