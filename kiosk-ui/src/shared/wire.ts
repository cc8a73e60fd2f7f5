// The frames of docs/protocol.md, as types. Names are the wire's own.

export interface Text {
  zh: string
  en: string
}

export type Language = 'zh' | 'en'
export type Grade = 1 | 2 | 3 | 4 | 5
export type DeviceKind = 'window_tablet' | 'bedside_tablet' | 'lobby_tablet' | 'wall_board'
export type PlaceKind = 'window' | 'ward' | 'lobby'
export type WindowKind = 'registration' | 'settlement' | 'admission' | 'discharge' | 'pharmacy'

/** Close codes: whether a screen comes back, and how soon. */
export const CLOSE = {
  goingAway: 1001,
  tooBig: 1009,
  badFrame: 4400,
  notEnrolled: 4401,
  revoked: 4403,
  tooSlow: 4408,
  sharedKey: 4409,
  tooMany: 4429,
} as const

/** A frame is at most this many bytes of UTF-8; a larger one closes with 1009. */
export const MAX_FRAME_BYTES = 64 * 1024

// --- Enrolment (HTTP) ---

export interface EnrolmentCreated {
  enrolment_id: string
  secret: string
  code: string
  expires_at: string
}

export interface EnrolmentState {
  state: 'waiting' | 'approved' | 'expired'
  device_id?: string
}

export interface ApiError {
  code: string
  message: string
  request_id?: string
}

// --- Questionnaire ---

export interface Option {
  id: string
  text: Text
}

export interface Condition {
  item: string
  at_least?: number
  at_most?: number
}

export interface Item {
  id: string
  kind: 'grade' | 'tags' | 'text' | 'phone'
  text: Text
  options?: Option[]
  when?: Condition
  max_length?: number
}

export interface Questionnaire {
  version: string
  title: Text
  items: Item[]
}

// --- A device connects ---

export interface Challenge {
  type: 'challenge'
  nonce: string
  server_time: string
}

export interface Hello {
  type: 'hello'
  device_id: string
  signature: string
  client_time: string
  instance: string
  language: Language
  queued: number
  queue_ok: boolean
  ui_version: string
}

export interface DeviceInfo {
  id: string
  kind: DeviceKind
  name: string
  bed?: string
  mirrored: boolean
}

export interface ReportingPhone {
  label: Text
  number: string
}

export interface HospitalInfo {
  name: Text
  reporting_phones: ReportingPhone[]
  nine_rules: Text[]
  /** The hospital's time zone by its IANA name; a welcome kept by an older page has none. */
  zone?: string
}

export interface PlaceInfo {
  id: string
  kind: PlaceKind
  name: Text
  department: { id: string; name: Text }
  window_kind?: WindowKind
}

export interface Settings {
  idle_reset_seconds: number
  thanks_seconds: number
  prompt_seconds: number
  languages: Language[]
}

export interface StaffInfo {
  number: string
  name: Text
  title: Text
}

export interface Prompt {
  id: string
  transaction_kind: WindowKind
  transaction_text: Text
  window: string
  staff?: StaffInfo
  created_at: string
  expires_at: string
}

/** Wall boards get no place, questionnaire, self_test_due or prompt. */
export interface Welcome {
  type: 'welcome'
  server_time: string
  device: DeviceInfo
  hospital: HospitalInfo
  place?: PlaceInfo
  questionnaire?: Questionnaire
  settings: Settings
  self_test_due?: boolean
  prompt?: Prompt
}

export interface PromptFrame {
  type: 'prompt'
  prompt: Prompt
}

export interface PromptWithdrawn {
  type: 'prompt_withdrawn'
  prompt_id: string
  reason: 'rated' | 'replaced'
}

/** The business day turned: the device owes a new self-test. */
export interface SelfTestDue {
  type: 'self_test_due'
}

/** The line is alive; it comes at least every 25 s. */
export interface Heartbeat {
  type: 'heartbeat'
}

// --- Facts ---

export interface RatingFact {
  type: 'rating'
  id: string
  at: string
  place: string
  prompt_id?: string
  questionnaire: string
  grade: Grade
  dwell_ms: number
  language: Language
}

export interface RatingDetailFact {
  type: 'rating_detail'
  id: string
  at: string
  rating_id: string
  tags: string[]
  comment?: string
  callback_phone?: string
}

export interface PromptShownFact {
  type: 'prompt_shown'
  id: string
  at: string
  prompt_id: string
}

export interface SelfTestFact {
  type: 'self_test'
  id: string
  at: string
  place: string
  key_worked: boolean
}

export type Fact = RatingFact | RatingDetailFact | PromptShownFact | SelfTestFact

export type Outcome = 'stored' | 'duplicate' | 'conflict' | 'already_rated' | 'invalid'

export interface Ack {
  type: 'ack'
  id: string
  outcome: Outcome
}

export interface Retry {
  type: 'retry'
  id: string
  after_seconds: number
  reason: 'store_unavailable' | 'busy'
}

export interface Status {
  type: 'status'
  queued: number
  queue_ok: boolean
}

export type DeviceFrame = Hello | Fact | Status
export type TabletServerFrame =
  | Challenge
  | Welcome
  | PromptFrame
  | PromptWithdrawn
  | Ack
  | Retry
  | SelfTestDue
  | Heartbeat

// --- A board connects ---

export type Period = 'today' | '7d' | '30d'

export interface TicketFrame {
  type: 'ticket'
  ticket: string
}

export interface Subscribe {
  type: 'subscribe'
  period: Period
  epoch?: string
  offset?: number
}

/** With shown false every field that would tell the answers is absent. */
export interface Figure {
  offered?: number
  answered?: number
  response_rate?: number | null
  shown: boolean
  withheld?: 'no_data' | 'not_enough' | 'protected'
  score?: number
  score_low?: number
  score_high?: number
  cleaned_score?: number
  flagged?: number
  satisfied?: number
  dissatisfied?: number
  dissatisfied_low?: number
  dissatisfied_high?: number
  /** Counts of grades 1 to 5, in that order. */
  grades?: [number, number, number, number, number]
}

export interface HourFigure {
  hour: number
  answered: number
  score: number | null
}

/** How an answer came in: at a tablet, or as a survey after discharge, by text. */
export type Mode = 'window' | 'bedside' | 'lobby' | 'sms_reply' | 'sms_link' | 'sms_code'

export interface Unit {
  id: string
  kind: 'hospital' | 'department' | 'window' | 'ward' | 'lobby'
  name: Text
  window_kind?: WindowKind
  figure: Figure
  modes: { mode: Mode; figure: Figure }[]
  unasked: Figure
  hours: HourFigure[]
  places?: Unit[]
}

/** Department and place are '' after a stay in a ward the hospital does not know. */
export interface Arrival {
  at: string
  department: string
  place: string
  grade: Grade
  series: 'asked' | 'unasked'
  mode?: Mode
}

/** A reason in the words of the questionnaire version the patient answered. */
export type Tag = Option

export interface CallbackEntry {
  id: string
  at: string
  department: string
  place: string
  /** Of a survey after discharge; absent: rated on a tablet. */
  mode?: Mode
  /** 0: a survey asks for a call and gives no grade. */
  grade: Grade | 0
  tags: Tag[]
  phone: boolean
  state: 'open' | 'calling' | 'done'
}

export interface Callbacks {
  open: number
  overdue: number
  done_today: number
  list: CallbackEntry[]
}

export type Fault = 'no_self_test' | 'key_not_seen' | 'shared_key' | 'queue_broken'

export interface BoardDevice {
  id: string
  name: string
  kind: DeviceKind
  place?: string
  online: boolean
  since: string
  faults: Fault[]
}

export interface Snapshot {
  type: 'snapshot'
  epoch: string
  offset: number
  period: Period
  as_of: string
  behind: boolean
  audience: 'office' | 'department'
  /** The hospital's time zone by its IANA name. */
  zone: string
  /** From how many answers a figure is shown. */
  min_answers: number
  hospital: Unit
  departments: Unit[]
  arrivals?: Arrival[]
  callbacks?: Callbacks
  devices?: BoardDevice[]
}

export interface Delta {
  type: 'delta'
  epoch: string
  offset: number
  previous: number
  as_of: string
  behind: boolean
  hospital?: Unit
  departments?: Unit[]
  arrivals?: Arrival[]
  callbacks?: Callbacks
  devices?: BoardDevice[]
}

export type BoardFrame = Hello | TicketFrame | Subscribe
export type BoardServerFrame = Challenge | Welcome | Snapshot | Delta
