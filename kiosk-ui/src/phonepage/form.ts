import type { GivenAnswer, Question, Save, Survey } from './wire'

/** The choices of the envelope question. A yes is never sent as an answer. */
export const ENVELOPE_NO = 0
export const ENVELOPE_YES = 1

/** What stands on the page for one question. */
export interface Entry {
  value?: number
  text?: string
  /** Handed over for good: the overall grade. */
  final?: boolean
}

export type Entries = Readonly<Record<string, Entry>>

/** What the gateway has, and over it what still waits to be sent. */
export function entriesOf(survey: Survey, waiting: readonly Save[]): Entries {
  const entries: Record<string, Entry> = {}
  const put = (a: Pick<GivenAnswer, 'question' | 'value' | 'text' | 'final'>) => {
    const q = survey.form.questions.find((q) => q.id === a.question)
    if (!q || entries[q.id]?.final) return
    entries[q.id] = {
      ...(q.kind === 'text' ? {} : { value: a.value }),
      ...(a.text ? { text: a.text } : {}),
      ...(a.final || q.overall ? { final: true } : {}),
    }
  }
  survey.answers.forEach(put)
  for (const save of waiting) save.answers?.forEach(put)
  return entries
}

export function isAnswered(q: Question, entry: Entry | undefined): boolean {
  if (!entry) return false
  return q.kind === 'text' ? (entry.text ?? '').trim() !== '' : entry.value !== undefined
}

/** The first question without an answer; the number of questions when all have one. */
export function firstOpen(questions: readonly Question[], entries: Entries): number {
  const i = questions.findIndex((q) => !q.optional && !isAnswered(q, entries[q.id]))
  if (i >= 0) return i
  const optional = questions.findIndex((q) => !isAnswered(q, entries[q.id]))
  return optional >= 0 ? optional : questions.length
}

export function answeredCount(questions: readonly Question[], entries: Entries): number {
  return questions.filter((q) => isAnswered(q, entries[q.id])).length
}

/** The answer a save carries; null: there is none. */
export function answerOf(q: Question, entry: Entry | undefined): NonNullable<Save['answers']>[number] | null {
  if (!entry || !isAnswered(q, entry)) return null
  if (q.kind === 'text') return { question: q.id, value: 0, text: (entry.text ?? '').trim() }
  if (q.kind === 'envelope' && entry.value !== ENVELOPE_NO) return null
  return { question: q.id, value: entry.value ?? 0 }
}

/** Characters as the gateway counts them, of a text at most `most` long. */
export function cut(text: string, most: number): string {
  const signs = [...text]
  return signs.length > most ? signs.slice(0, most).join('') : text
}

/** Digits of a code as a person types or pastes it, at most eight. */
export function codeDigits(text: string): string {
  return text.normalize('NFKC').replace(/\D/g, '').slice(0, 8)
}

/** A code in groups of four, as it stands in the text message. */
export function grouped(digits: string): string {
  return digits.replace(/(\d{4})(?=\d)/g, '$1 ')
}

/** Whether this could be a phone number, as the gateway judges it. */
export function phoneLike(text: string): boolean {
  const digits = text.replace(/\D/g, '').length
  return /^[\d+() -]{1,40}$/.test(text) && digits >= 5 && digits <= 20
}
