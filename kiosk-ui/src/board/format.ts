import type { Figure, Language } from '../shared/wire'
import { knownZone } from '../shared/zone'

/** Stands where there is no number. */
export const NOTHING = '–'

/** A score, always with one decimal. */
export function score(value: number | undefined): string {
  return value === undefined ? NOTHING : value.toFixed(1)
}

/** A count with thin grouping: 1,236. */
export function count(value: number | undefined): string {
  return value === undefined ? NOTHING : value.toLocaleString('en-US')
}

/** A share in per cent, one decimal, never rounded up to a false 100. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return NOTHING
  const shown = (share * 100).toFixed(1)
  if (shown === '100.0' && share < 1) return '>99.9%'
  if (shown === '0.0' && share > 0) return '<0.1%'
  return `${shown}%`
}

/** A share in whole per cent, for places where two figures stand close. */
export function wholePercent(share: number | null | undefined): string {
  if (share === null || share === undefined) return NOTHING
  return `${Math.round(share * 100)}%`
}

/** Hours and days in one zone. */
export interface Times {
  /** 10:42; NOTHING for what is no time. */
  clock(at: string | number | Date): string
  /** 11月21日星期六. */
  day(at: string | number | Date, language: Language): string
  /** The hour of the day, 0 to 23. */
  hour(at: string | number | Date): number
}

/** Times in the hospital's zone, wherever the screen hangs; in the screen's own while that is unknown. */
export function timesIn(zone: string | undefined): Times {
  const timeZone = knownZone(zone)
  const clockFormat = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  const long = { timeZone, month: 'long', day: 'numeric', weekday: 'long' } as const
  const dayFormats = { zh: new Intl.DateTimeFormat('zh-CN', long), en: new Intl.DateTimeFormat('en-GB', long) }
  return {
    clock(at) {
      const time = new Date(at)
      return Number.isNaN(time.getTime()) ? NOTHING : clockFormat.format(time)
    },
    day: (at, language) => dayFormats[language].format(new Date(at)),
    hour: (at) => Number(clockFormat.format(new Date(at)).slice(0, 2)),
  }
}

/** Minutes since `at`, not below zero. */
export function minutesSince(at: string, now: number): number {
  return Math.max(0, Math.floor((now - new Date(at).getTime()) / 60_000))
}

/** Raw and cleaned differ when the difference shows in the decimal the board prints. */
export function cleanedDiffers(figure: Figure): boolean {
  if (!figure.shown || figure.score === undefined || figure.cleaned_score === undefined) return false
  return (figure.flagged ?? 0) > 0 && score(figure.score) !== score(figure.cleaned_score)
}
