// The desk's side of the wire: what the gateway answers, name for name.

import type { DeviceKind, Grade, PlaceKind, Tag, Text, WindowKind } from '../shared/wire'

export type { DeviceKind, Grade, PlaceKind, Tag, Text, WindowKind }

export type Fault = 'no_self_test' | 'key_not_seen' | 'shared_key' | 'queue_broken'

export interface Account {
  id: number
  username: string
  name: string
  roles: string[]
  department?: string
  must_change_password: boolean
  disabled?: boolean
  locked_until?: string
  created_at?: string
  last_sign_in_at?: string
}

export interface Session {
  account: Account
  permissions: string[]
  /** The optional parts of the desk this gateway has. */
  sections?: string[]
}

export interface Department {
  id: string
  name: Text
  level: string
  parent?: string
}

export interface Place {
  id: string
  kind: PlaceKind
  name: Text
  department: string
  window_kind?: string
  beds?: string[]
}

export interface Organisation {
  name: Text
  /** The hospital's time zone by its IANA name. */
  zone: string
  departments: Department[]
  places: Place[]
  staff_count: number
}

export interface Device {
  id: string
  kind: DeviceKind
  name: string
  place?: string
  bed?: string
  mirrored: boolean
  enrolled_at: string
  revoked_at?: string
  last_seen_at?: string
  last_test_at?: string
  online: boolean
  faults: Fault[]
  queued?: number
}

export interface Approval {
  code: string
  kind: DeviceKind
  place?: string
  bed?: string
  name: string
  mirrored: boolean
}

export interface DeviceChange {
  name?: string
  place?: string
  bed?: string
  mirrored?: boolean
}

export interface Role {
  id: string
  name: Text
  permissions: string[]
  own_department?: boolean
}

export interface Token {
  id: number
  label: string
  /** What it is for; a token for sending visits is for no window. */
  scope?: 'windows' | 'intake'
  windows: string[]
  created_at: string
  revoked_at?: string
  last_used_at?: string
}

export type CallbackOutcome = 'reached' | 'no_answer' | 'declined' | 'no_number'

export interface Callback {
  id: number | string
  rating_id: string
  at: string
  due_on: string
  workdays_left: number
  department: string
  place: string
  /** Of the transaction the patient was asked about; absent when nobody asked. */
  transaction_kind?: WindowKind
  /** Who the window's system named; the name is absent when the number is no longer in use. */
  staff?: { number: string; name?: Text }
  /** 0: the patient gave none, and only asked to be called. */
  grade: Grade | 0
  /** How a survey after discharge was answered; absent: on a tablet. */
  mode?: string
  /** The patient asked to be called. */
  wish?: boolean
  tags: Tag[]
  comment?: string
  has_phone: boolean
  state: 'open' | 'calling' | 'done'
  outcome?: CallbackOutcome
  note?: string
  closed_at?: string
}

export interface SetAside {
  id: number | string
  fact_id?: string
  device?: string
  kind: string
  reason: string
  at: string
  resolved_at?: string
  resolved_by?: string
  note?: string
}

export interface AuditEntry {
  sequence: number
  at: string
  actor: string
  /** What actor and subject are called today; absent where nothing has a name. */
  actor_name?: string
  action: string
  subject: string
  subject_name?: string
  detail: string
}

export interface Questionnaire {
  id: string
  revision: number
  version: string
  title: Text
  published_at: string
  in_use: boolean
}
