// What comes in from the hospital information system, as the desk reads it.
import type { Text } from './types'

export interface IntakeState {
  hl7?: {
    address: string
    listening: boolean
    connections: number
    accepted: number
    ignored: number
    errors: number
    rejected: number
    turned_away: number
    last_message_at?: string
  }
  rejected: number
  unknown_wards: number
  max_file_bytes: number
  may_open: boolean
}

export interface Rejected {
  id: number
  source: string
  reason: Text
  times: number
  at: string
  last_at: string
  resolved_at?: string
  resolved_by?: string
  note?: string
}

export interface UnknownWard {
  source: string
  code: string
  count: number
  last_at: string
}

export interface Report {
  rows: number
  added: number
  updated: number
  unchanged: number
  stale: number
  refused: number
  warnings: number
  lines: { line: number; kind: 'refused' | 'warning'; reason: Text }[]
  unlisted?: number
  stopped?: Text
}

export const INTAKE_PARTS = ['', 'rejected', 'wards', 'upload'] as const
export type IntakePart = (typeof INTAKE_PARTS)[number]

/** Why a file cannot be sent, as a message key; '' when it can. */
export function checkFile(file: { size: number } | undefined, most: number): string {
  if (!file) return 'intake.file_missing'
  if (file.size === 0) return 'intake.file_empty'
  return file.size > most ? 'intake.file_large' : ''
}

/** HL7 one segment a line, as people read it; anything else as it came. */
export function shownPayload(payload: string): string {
  return payload.replace(/\r\n?/g, '\n')
}

/** The reader's half of the gateway's "Chinese / English". */
export function half(message: string, language: string): string {
  const [zh = '', en] = message.split(' / ')
  return language === 'zh' ? zh : (en ?? zh)
}
