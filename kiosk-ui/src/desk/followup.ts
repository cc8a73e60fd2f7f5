// The follow-up after discharge as the desk reads it, and what its figures are
// called. Modes are never added up.
import type { Text } from './types'
import { say, type Words } from './words'

export interface Carrier {
  name: string
  simulated: boolean
  countries: string[]
  halted_at?: string
  code?: string
  operator?: Text
  last_sent_at?: string
}

export interface ModeDay {
  mode: string
  invited: number
  sent: number
  delivered: number
  answered: number
  opted_out: number
}

/** Absent beside `audience`: the account sees its own department alone. */
export interface Followup {
  audience: 'office' | 'department'
  now?: string
  campaign?: { running: boolean }
  demo?: { offset_hours: number }
  carriers?: Carrier[]
  queue?: { waiting: number; due: number; handing: number; unknown: number }
  today?: {
    day: string
    modes: ModeDay[]
    spent: { carrier: string; texts: number; segments: number; cost_fen: number }[]
    cost_fen: number
    budget_fen?: number
  }
  recent?: {
    from: string
    modes: { mode: string; offered: number; answered: number; response_rate: number | null }[]
    total_cost_fen: number
  }
}

export type Grouping = 'mode' | 'department' | 'week'

export interface DispositionRow {
  department?: string
  year?: number
  week?: number
  mode: string
  invitations: number
  offered: number
  answered: number
  response_rate: number | null
  states: Partial<Record<string, number>>
  cost_fen?: number
}

export interface Dispositions {
  by: Grouping
  rows: DispositionRow[]
  /** Units and modes not shown yet, for want of answers. */
  held?: number
}

export interface Plan {
  visits: number
  least_segments: number
  most_segments: number
  least_fen: number
  most_fen: number
}

export interface Sample {
  visit: number
  department?: string
  mode?: string
  due_at?: string
}

export interface DryRun {
  at: string
  looked: number
  invited: Plan
  by_mode: Record<string, Plan>
  by_department: Record<string, Plan>
  by_day: (Plan & { day: string })[]
  invited_samples: Sample[]
  refused: { reason: string; text: Text; visits: number; samples: Sample[] }[]
  budget_fen: number
}

export interface OptOut {
  id: number
  number: string
  how: string
  at: string
  ended_at?: string
  ended_how?: string
}

export interface Suppression {
  id: number
  number: string
  carrier: string
  code: string
  at: string
}

/** The states of an invitation in the order of the gateway's own table. */
export const STATES = [
  'queued',
  'sent',
  'delivered',
  'undelivered',
  'refused',
  'opted_out',
  'unanswered',
  'break_off',
  'partial',
  'complete',
  'ineligible',
  'stopped',
] as const

/** Those states that any row has: a table of empty columns says nothing. */
export function usedStates(rows: readonly DispositionRow[]): string[] {
  return STATES.filter((s) => rows.some((r) => (r.states[s] ?? 0) > 0))
}

/** An amount in fen as yuan, two decimals. */
export function yuan(fen: number): string {
  return (fen / 100).toFixed(2)
}

/** What a plan costs, from its least to its most. */
export function priceWords(plan: Plan): Words {
  if (plan.least_fen === plan.most_fen) return say('followup.yuan', { yuan: yuan(plan.least_fen) })
  return say('followup.yuan_range', { least: yuan(plan.least_fen), most: yuan(plan.most_fen) })
}

export function segmentWords(plan: Plan): Words {
  if (plan.least_segments === plan.most_segments) return say('followup.segments', { n: plan.least_segments })
  return say('followup.segments_range', { least: plan.least_segments, most: plan.most_segments })
}

/** A share with its counts; no counts are no data, not zero. */
export function rateWords(answered: number, offered: number): Words {
  if (offered === 0) return say('followup.no_data')
  return say('followup.rate', { percent: ((100 * answered) / offered).toFixed(1), answered, offered })
}

/** How much of a day's budget is used, 0 to 1; undefined without a budget. */
export function budgetUsed(cost: number, budget: number | undefined): number | undefined {
  return budget ? Math.min(1, cost / budget) : undefined
}

/** `2026-W47`, or what the row is grouped by. */
export function weekOf(row: DispositionRow): string {
  return row.year ? `${row.year}-W${String(row.week ?? 0).padStart(2, '0')}` : ''
}

/** The parts of the section by the address behind its name. */
export const FOLLOWUP_PARTS = ['', 'dry-run', 'replies', 'numbers'] as const
export type FollowupPart = (typeof FOLLOWUP_PARTS)[number]

/** The parts an account may open; a department's head has the figures alone. */
export function partsOf(permissions: readonly string[], office: boolean): FollowupPart[] {
  const view = permissions.includes('followup.view')
  return FOLLOWUP_PARTS.filter((part) => {
    if (part === '') return view
    if (part === 'dry-run') return view && office
    return permissions.includes('followup.work')
  })
}

/** What is to be known before the figures are: no carrier, a halted one, a pause, a simulation. */
export function carrierState(f: Followup): 'none' | 'halted' | 'simulated' | 'real' {
  const carriers = f.carriers ?? []
  if (carriers.length === 0) return 'none'
  if (carriers.some((c) => c.halted_at)) return 'halted'
  return carriers.every((c) => c.simulated) ? 'simulated' : 'real'
}
