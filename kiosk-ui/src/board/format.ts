import { inLanguage } from '../shared/i18n'
import type { Figure, Language, Text } from '../shared/wire'

/** Hours and days on the board are the hospital's, wherever the screen hangs. */
export const HOSPITAL_ZONE = 'Asia/Shanghai'

/** Below this many answers a figure is "not enough yet" (the gateway decides; this only words it). */
export const ANSWERS_NEEDED = 10

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

const clockFormat = new Intl.DateTimeFormat('en-GB', {
  timeZone: HOSPITAL_ZONE,
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
})
const dayFormats = {
  zh: new Intl.DateTimeFormat('zh-CN', { timeZone: HOSPITAL_ZONE, month: 'long', day: 'numeric', weekday: 'long' }),
  en: new Intl.DateTimeFormat('en-GB', { timeZone: HOSPITAL_ZONE, month: 'long', day: 'numeric', weekday: 'long' }),
}

/** 10:42 in the hospital's zone; NOTHING for what is no time. */
export function clock(at: string | number | Date): string {
  const time = new Date(at)
  return Number.isNaN(time.getTime()) ? NOTHING : clockFormat.format(time)
}

/** 11月21日星期六. */
export function day(at: string | number | Date, language: Language): string {
  return dayFormats[language].format(new Date(at))
}

/** The hour of the day (0 to 23) in the hospital's zone. */
export function hourOf(at: string | number | Date): number {
  return Number(clockFormat.format(new Date(at)).slice(0, 2))
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

/** The ten service goals; a tag that only names one of them is worded here. */
const serviceGoals: Record<string, Text> = {
  less_queueing: { zh: '看病少排队', en: 'Less queueing' },
  less_running: { zh: '检查少跑腿', en: 'Fewer trips' },
  emergency_care: { zh: '急救更高效', en: 'Faster emergency care' },
  inpatient_ease: { zh: '住院更省心', en: 'An easier stay' },
  standard_treatment: { zh: '诊疗更规范', en: 'Treatment by the book' },
  thoughtful_nursing: { zh: '护理更周到', en: 'Thoughtful nursing' },
  faster_dispensing: { zh: '配药更方便', en: 'Easier dispensing' },
  easier_settlement: { zh: '结算更便捷', en: 'Easier payment' },
  finer_service: { zh: '服务更细致', en: 'Finer service' },
  smoother_communication: { zh: '沟通更顺畅', en: 'Clearer communication' },
}

export function tagText(tag: string | Text, language: Language): string {
  if (typeof tag !== 'string') return inLanguage(tag, language)
  const goal = serviceGoals[tag]
  return goal ? inLanguage(goal, language) : tag.replaceAll('_', ' ')
}
