// Facts into message keys: each function gives a key of the desk's messages and
// what goes into it, so that both languages say the same thing.
import { knownZone } from '../shared/zone'
import type { Account, Callback, Device, Fault } from './types'

export interface Words {
  key: string
  with: Record<string, string | number>
}

export type Urgency = 'now' | 'look' | 'calm' | 'past'

/** Words of a key and what goes into them. */
export const say = (key: string, params: Record<string, string | number> = {}): Words => ({ key, with: params })

/** How soon a call-back is due, in working days as the gateway counted them. */
export function dueWords(workdaysLeft: number): Words {
  if (workdaysLeft < 0) return say('due.overdue', { n: -workdaysLeft })
  if (workdaysLeft === 0) return say('due.today')
  return say('due.left', { n: workdaysLeft })
}

/** Within how many working days a due date asks to be looked at. */
const SOON_WORKDAYS = 2

export function dueUrgency(workdaysLeft: number): Urgency {
  if (workdaysLeft < 0) return 'now'
  return workdaysLeft <= SOON_WORKDAYS ? 'look' : 'calm'
}

/** A call-back nobody has tried yet: it is to be called the day it came. */
const untried = (c: Callback) => c.state === 'open'

/** When a call-back is to be worked: today until it was first tried, then in working days. */
export function callWords(c: Callback): { words: Words; urgency: Urgency } {
  if (untried(c) && c.workdays_left >= 0) return { words: say('due.call_today'), urgency: 'look' }
  return { words: dueWords(c.workdays_left), urgency: dueUrgency(c.workdays_left) }
}

/** Which of the day's piles a call-back lies on. */
export function callPile(c: Callback): 'overdue' | 'today' | 'soon' | 'open' {
  if (c.workdays_left < 0) return 'overdue'
  if (untried(c)) return 'today'
  return dueUrgency(c.workdays_left) === 'look' ? 'soon' : 'open'
}

/** Overdue first, then those to be called today, those with a number first; then by due date, then the older one. */
export function byNextToDo(a: Callback, b: Callback): number {
  const rank = (c: Callback) => {
    const pile = callPile(c)
    return pile === 'overdue' ? 0 : pile === 'today' ? 1 : 2
  }
  const silent = (c: Callback) => (c.has_phone ? 0 : 1)
  return rank(a) - rank(b) || silent(a) - silent(b) || bySooner(a, b)
}

function bySooner(a: Callback, b: Callback): number {
  return a.workdays_left - b.workdays_left || a.due_on.localeCompare(b.due_on) || a.at.localeCompare(b.at)
}

/** Who served the patient: the name with the work number, or the number alone. */
export function staffWords(number: string, name = ''): Words {
  return name ? say('callbacks.staff_named', { name, number }) : say('callbacks.staff_number', { number })
}

const FAULT_ORDER: readonly Fault[] = ['shared_key', 'queue_broken', 'key_not_seen', 'no_self_test']

/** A device's faults, what must be dealt with first on top. */
export function sortedFaults(faults: readonly Fault[]): Fault[] {
  return [...faults].sort((a, b) => FAULT_ORDER.indexOf(a) - FAULT_ORDER.indexOf(b))
}

/** In use before revoked; among those faulty, then offline, then by name. */
export function byDeviceNeed(a: Device, b: Device): number {
  const rank = (d: Device) => (d.revoked_at ? 3 : d.faults.length > 0 ? 0 : d.online ? 2 : 1)
  return rank(a) - rank(b) || a.name.localeCompare(b.name, 'zh')
}

export function deviceState(d: Device): { words: Words; urgency: Urgency } {
  if (d.revoked_at) return { words: say('devices.state.revoked'), urgency: 'past' }
  if (d.faults.length > 0) return { words: say(`fault.${sortedFaults(d.faults)[0]}.short`), urgency: 'now' }
  if (!d.online) return { words: say('devices.state.offline'), urgency: 'look' }
  return { words: say('devices.state.online'), urgency: 'calm' }
}

/** How long ago, coarsely; exact times stand in the title. */
export function agoWords(at: string | undefined, now: number): Words {
  const then = at ? Date.parse(at) : Number.NaN
  if (Number.isNaN(then) || then <= 0) return say('ago.never')
  const minutes = Math.floor((now - then) / 60_000)
  if (minutes < 1) return say('ago.now')
  if (minutes < 60) return say('ago.minutes', { n: minutes })
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return say('ago.hours', { n: hours })
  return say('ago.days', { n: Math.floor(hours / 24) })
}

/** Times are in the hospital's zone, whatever the laptop's is; in the laptop's own while `zone` is unknown. */
export function exactTime(at: string | undefined, locale: string, zone: string | undefined): string {
  const then = at ? Date.parse(at) : Number.NaN
  if (Number.isNaN(then)) return ''
  return new Intl.DateTimeFormat(locale === 'zh' ? 'zh-CN' : 'en-GB', {
    timeZone: knownZone(zone),
    year: 'numeric',
    month: locale === 'zh' ? 'long' : 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
  }).format(then)
}

/** A business day, "2026-11-24" or 20261124, with its weekday. */
export function exactDay(day: string | number, locale: string): string {
  const digits = String(day).replaceAll('-', '').slice(0, 8)
  const at = Date.UTC(Number(digits.slice(0, 4)), Number(digits.slice(4, 6)) - 1, Number(digits.slice(6, 8)))
  if (digits.length !== 8 || Number.isNaN(at)) return String(day)
  return new Intl.DateTimeFormat(locale === 'zh' ? 'zh-CN' : 'en-GB', {
    timeZone: 'UTC',
    year: 'numeric',
    month: locale === 'zh' ? 'long' : 'short',
    day: 'numeric',
    weekday: locale === 'zh' ? 'long' : 'short',
  }).format(at)
}

/** The hospital's day at a moment, "2026-11-21". */
export function businessDay(at: number, zone: string | undefined): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: knownZone(zone) }).format(at)
}

/** Time of day today, otherwise month and day with the time. */
export function shortTime(at: string | undefined, locale: string, now: number, zone: string | undefined): string {
  const then = at ? Date.parse(at) : Number.NaN
  if (Number.isNaN(then)) return ''
  const form: Intl.DateTimeFormatOptions = {
    timeZone: knownZone(zone),
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
  }
  if (businessDay(then, zone) !== businessDay(now, zone))
    Object.assign(form, { month: locale === 'zh' ? 'long' : 'short', day: 'numeric' })
  return new Intl.DateTimeFormat(locale === 'zh' ? 'zh-CN' : 'en-GB', form).format(then)
}

/** Lower-cased substrings: enough for some hundreds of rows. Every word must be found. */
export function matches(query: string, ...fields: (string | undefined)[]): boolean {
  const hay = fields.filter(Boolean).join(' ').toLowerCase()
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => hay.includes(word))
}

export type AccountState = 'active' | 'must_change' | 'locked' | 'disabled'

export function accountState(a: Account, now: number): AccountState {
  if (a.disabled) return 'disabled'
  if (a.locked_until && Date.parse(a.locked_until) > now) return 'locked'
  return a.must_change_password ? 'must_change' : 'active'
}

const REASONS = [
  'conflict',
  'already_rated',
  'invalid',
  'unknown_prompt',
  'unknown_version',
  'second_detail',
  'not_a_rating',
  'rating_set_aside',
  'refused_by_store',
]

/** Why a record was set aside, as a key of ours; a reason in the system's own words is `invalid`. */
export function setAsideReason(reason: string): string {
  return `setaside.reason.${REASONS.includes(reason) ? reason : 'invalid'}`
}
