import type { Language, Text } from '../shared/wire'

/** A survey as the gateway sends it (docs/protocol.md, 8). */
export interface Survey {
  hospital: Text
  hotline?: string
  clue_hotline?: string
  department?: Text
  place?: Text
  discharged_on?: string
  language: Language
  closes_at: string
  form: { version: string; title: Text; dimensions?: { id: string; text: Text }[]; questions: Question[] }
  answers: GivenAnswer[]
}

export interface Question {
  id: string
  kind: 'scale' | 'envelope' | 'text'
  dimension?: string
  text: Text
  choices?: Choice[]
  overall?: boolean
  optional?: boolean
  max_length?: number
}

export interface Choice {
  value: number
  text: Text
}

export interface GivenAnswer {
  question: string
  value: number
  text?: string
  final?: boolean
}

/** One save: repeated unchanged, under its id, until it is answered. */
export interface Save {
  id: string
  answers?: { question: string; value: number; text?: string }[]
  finish?: boolean
  call_back?: boolean
  call_phone?: string
  clue?: { text: string }
}

export interface Saved {
  outcome: 'stored' | 'duplicate' | 'conflict'
  state: 'open' | 'done' | 'stopped'
  receipt?: string
  clue_hotline?: string
}

export interface Contact {
  hospital: Text
  hotline?: string
  clue_hotline?: string
}

type Loose = Record<string, unknown>

const isObject = (x: unknown): x is Loose => typeof x === 'object' && x !== null && !Array.isArray(x)
const isText = (x: unknown): x is Text => isObject(x) && typeof x.zh === 'string' && typeof x.en === 'string'

// What answers 200 need not be the gateway: a hotel's sign-in page does too. Only
// what has the shape of an answer is one.

export function isSurvey(x: unknown): x is Survey {
  return (
    isObject(x) &&
    isText(x.hospital) &&
    (x.language === 'zh' || x.language === 'en') &&
    Array.isArray(x.answers) &&
    isObject(x.form) &&
    Array.isArray(x.form.questions) &&
    x.form.questions.length > 0 &&
    x.form.questions.every((q) => isObject(q) && typeof q.id === 'string' && isText(q.text))
  )
}

export function isSaved(x: unknown): x is Saved {
  return (
    isObject(x) &&
    ['stored', 'duplicate', 'conflict'].includes(x.outcome as string) &&
    ['open', 'done', 'stopped'].includes(x.state as string)
  )
}

export function isContact(x: unknown): x is Contact {
  return isObject(x) && isText(x.hospital)
}

/** The token of an exchanged code; empty: this is no such answer. */
export function tokenOf(x: unknown): string {
  return isObject(x) && typeof x.token === 'string' && /^[\w-]{22}$/.test(x.token) ? x.token : ''
}
