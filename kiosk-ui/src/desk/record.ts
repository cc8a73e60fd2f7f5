// What a device sent and the gateway set aside, taken apart for reading. It may
// be anything: a frame of ours, a frame of an older page, or no JSON at all.

/** A value of ours by what it is, so that it can be worded; or text as it stands. */
export type RecordValue =
  | { is: 'text' | 'time' | 'place' | 'grade' | 'kind'; text: string }
  | { is: 'words'; key: string }
  | { is: 'seconds'; seconds: number }

export interface RecordField {
  name: string
  value: RecordValue
}

/** Fields in the order people ask about them; what is not listed follows as it came. */
const ORDER = [
  'type',
  'grade',
  'tags',
  'comment',
  'callback_phone',
  'place',
  'at',
  'occurred_at',
  'language',
  'dwell_ms',
  'key_worked',
]

/** Ids of things: of use to IT alone, so they come last. */
const IDS = ['id', 'rating_id', 'prompt_id', 'questionnaire', 'device']

const rank = (name: string) => {
  const known = ORDER.indexOf(name)
  if (known >= 0) return known
  return IDS.includes(name) ? 200 + IDS.indexOf(name) : 100
}

/** The fields of a record; undefined when it is not a JSON object. */
export function recordFields(body: string): RecordField[] | undefined {
  let read: unknown
  try {
    read = JSON.parse(body)
  } catch {
    return undefined
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read)) return undefined
  return Object.entries(read)
    .filter(([, value]) => value !== '' && value !== null && !isNothing(value))
    .map(([name, value]) => ({ name, value: fieldValue(name, value) }))
    .sort((a, b) => rank(a.name) - rank(b.name))
}

/** The record with line breaks, or as it came. */
export function indented(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2)
  } catch {
    return body
  }
}

/** An id or a moment that was never set. */
function isNothing(value: unknown): boolean {
  return value === '00000000-0000-0000-0000-000000000000' || value === '0001-01-01T00:00:00Z'
}

function fieldValue(name: string, value: unknown): RecordValue {
  if (Array.isArray(value) && value.every((v) => typeof v === 'string')) return { is: 'text', text: value.join(' · ') }
  if (name === 'dwell_ms' && typeof value === 'number') return { is: 'seconds', seconds: value / 1000 }
  if (name === 'grade' && typeof value === 'number' && [1, 2, 3, 4, 5].includes(value))
    return { is: 'grade', text: String(value) }
  if (typeof value === 'boolean') return { is: 'words', key: value ? 'common.yes' : 'common.no' }
  if (name === 'language' && (value === 'zh' || value === 'en')) return { is: 'words', key: `language.${value}` }
  if (typeof value !== 'string') return { is: 'text', text: JSON.stringify(value) }
  if (name === 'place') return { is: 'place', text: value }
  if (name === 'type') return { is: 'kind', text: value }
  if ((name === 'at' || name === 'occurred_at') && !Number.isNaN(Date.parse(value))) return { is: 'time', text: value }
  return { is: 'text', text: value }
}
