// What gateway/internal/carriers/simulator answers.

export const FAILURES = ['none', 'undelivered', 'refused', 'timeout', 'throttled', 'lost_answer'] as const
export type Failure = (typeof FAILURES)[number]

export interface Phone {
  id: number
  /** E.164. */
  number: string
  failure: Failure
  /** Counts up with every change. */
  revision: number
  /** How many texts ever came. */
  received: number
  last?: { kind: 'text' | 'reply'; text: string; at: string }
}

export interface PhoneList {
  /** Another value than before: the carrier began anew. */
  boot: string
  revision: number
  /** Texts may carry links. */
  url: boolean
  zone: string
  /** The one with the newest text or reply first. */
  phones: Phone[]
}

export type TextStatus = 'queued' | 'sent' | 'delivered' | 'undelivered' | 'refused' | 'throttled'
export type ReplyStatus = 'sending' | 'taken' | 'failed'

export interface Entry {
  /** Unique and rising. */
  number: number
  kind: 'text' | 'reply'
  text: string
  at: string
  status: TextStatus | ReplyStatus
  /** How often a text came while the phone would not have it. */
  tries?: number
}

export interface Thread extends Phone {
  /** Older entries that are no longer kept. */
  dropped: number
  entries: Entry[]
}
