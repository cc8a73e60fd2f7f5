import { knownZone } from '../shared/zone'

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

/** The calendar day of a moment in the hospital's zone, as 2026-11-21; by this device's clock where the zone is not known. */
export function hospitalDay(millis: number, zone: string | undefined): string {
  const parts = { year: 'numeric', month: '2-digit', day: '2-digit' } as const
  return new Intl.DateTimeFormat('en-CA', { timeZone: knownZone(zone), ...parts }).format(millis)
}
