// How numbers, times and texts look on the phones. Plain functions.
import { HTML_LANG } from '../shared/i18n'
import type { Language } from '../shared/wire'
import { knownZone } from '../shared/zone'

/** +8613800138000 as people read it: 138 0013 8000. Other countries keep their +. */
export function showNumber(e164: string): string {
  const mainland = /^\+86(1\d{2})(\d{4})(\d{4})$/.exec(e164)
  return mainland ? mainland.slice(1).join(' ') : e164
}

/** What the gateway takes as a number: see readNumber of the simulator. */
export function readNumber(text: string): string | undefined {
  const plain = text.normalize('NFKC').replace(/[\s-]/g, '')
  if (/^1\d{10}$/.test(plain)) return `+86${plain}`
  return /^\+[1-9]\d{6,14}$/.test(plain) ? plain : undefined
}

export interface Clock {
  language: Language
  zone: string | undefined
}

/** 10:42 */
export function timeOf(at: string, { language, zone }: Clock): string {
  return format(at, language, zone, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
}

/** 3月5日 星期四 */
export function dayOf(at: string, { language, zone }: Clock): string {
  return format(at, language, zone, { month: language === 'zh' ? 'long' : 'short', day: 'numeric', weekday: 'long' })
}

/** The time when it is of the newest day there is, otherwise the date. */
export function shortOf(at: string, newest: string, clock: Clock): string {
  if (dayOf(at, clock) === dayOf(newest, clock)) return timeOf(at, clock)
  return format(at, clock.language, clock.zone, { month: 'numeric', day: 'numeric' })
}

function format(at: string, language: Language, zone: string | undefined, options: Intl.DateTimeFormatOptions): string {
  const time = new Date(at)
  if (Number.isNaN(time.getTime())) return ''
  const timeZone = knownZone(zone)
  return new Intl.DateTimeFormat(HTML_LANG[language], timeZone ? { ...options, timeZone } : options).format(time)
}

export interface Piece {
  text: string
  /** Where it leads; absent: it is text. */
  href?: string
}

/** A text in pieces, so that a link in it can be followed. Only web addresses are links. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = []
  let from = 0
  for (const match of text.matchAll(/https?:\/\/[\w.~:/?#[\]@!$&'()*+,;=%-]+/g)) {
    const href = match[0].replace(/[.,;:!?)\]]+$/, '')
    if (match.index > from) found.push({ text: text.slice(from, match.index) })
    found.push({ text: href, href })
    from = match.index + href.length
  }
  if (from < text.length) found.push({ text: text.slice(from) })
  return found
}
