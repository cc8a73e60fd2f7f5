// What stands on the tablet's screen, as a value. `step` is the only thing that
// changes it; it knows no clock, no network and no disk. After the tap no state
// holds the grade: what follows is decided at the tap and kept as questions.
import type { Grade, Item, Language, Outcome, Prompt, Questionnaire, Text, Welcome } from '../shared/wire'
import { isWholeNumber } from './phone'

/** A screen that has just changed under somebody's finger takes no touch for this long. */
export const SETTLE_MILLIS = 400
/** Somebody who has not touched the screen for this long gives way to the next patient. */
export const GIVE_WAY_MILLIS = 10_000
/** Somebody who writes or dials may think this long between two touches. */
export const WRITING_MILLIS = 60_000
/** An acknowledgement that takes longer is announced as "saved, will be sent". */
export const SENDING_MILLIS = 1_500
export const PHONE_MAX = 20

export interface LocalPrompt {
  prompt: Prompt
  /** By this device's clock. */
  expiresAt: number
}

export interface Prefs {
  language: Language
  large: boolean
  contrast: boolean
}

export interface Draft {
  tags: string[]
  comment: string
  phone: string
}

export type Panel = 'tags' | 'comment' | 'phone'

/** sending: saved, the acknowledgement is expected any moment; saved: on disk, offline. */
export type Delivery = 'sending' | 'received' | 'saved' | 'refused'

/** Why a device is out of service. lost_key: it cannot sign any more and has to be paired again. */
export type OutReason = 'revoked' | 'shared_key' | 'lost_key'

export type Screen =
  | { kind: 'starting' }
  | { kind: 'pairing'; code: string | null; expiresAt: number | null; problem: 'no_network' | 'busy' | null }
  | { kind: 'connecting' }
  | { kind: 'idle' }
  | { kind: 'asked'; prompt: LocalPrompt | null; since: number }
  | { kind: 'taking'; ratingId: string; promptId: string | null; items: Item[]; outcome: Outcome | null }
  | {
      kind: 'why'
      ratingId: string
      items: Item[]
      panel: Panel
      draft: Draft
      since: number
      outcome: Outcome | null
    }
  | { kind: 'thanks'; ratingId: string; delivery: Delivery; since: number; until: number }
  | { kind: 'out_of_service'; reason: OutReason }
  | { kind: 'standby' }
  | { kind: 'paper' }
  | { kind: 'faulty' }
  | { kind: 'self_test'; since: number }

export interface State {
  screen: Screen
  welcome: Welcome | null
  online: boolean
  queueOK: boolean
  /** The next patient's prompt, while this one is being served. */
  held: LocalPrompt | null
  /** Prompts this device has rated; none of them is asked again. */
  answered: readonly string[]
  lastTouch: number
  prefs: Prefs
}

export type Event =
  | { type: 'pairing'; code: string | null; expiresAt: number | null; problem: 'no_network' | 'busy' | null }
  | { type: 'connecting'; welcome: Welcome | null; answered: readonly string[] }
  | { type: 'welcomed'; welcome: Welcome }
  | { type: 'link_lost' }
  | { type: 'prompted'; prompt: LocalPrompt }
  | { type: 'withdrawn'; promptId: string }
  | { type: 'touched' }
  | { type: 'rate' }
  | { type: 'left' }
  | { type: 'graded'; ratingId: string; grade: Grade }
  | { type: 'stored'; ratingId: string }
  | { type: 'store_failed'; ratingId: string }
  | { type: 'acked'; id: string; outcome: Outcome }
  | { type: 'tag_toggled'; tag: string }
  | { type: 'panel_opened'; panel: Panel }
  | { type: 'comment_changed'; comment: string }
  | { type: 'phone_changed'; phone: string }
  | { type: 'finished' }
  | { type: 'prefs_changed'; prefs: Partial<Prefs> }
  | { type: 'queue_changed'; ok: boolean }
  | { type: 'self_test_began' }
  | { type: 'self_test_ended' }
  | { type: 'stopped'; reason: OutReason }
  | { type: 'standby' }
  | { type: 'faulted' }
  | { type: 'tick' }

export const DEFAULT_PREFS: Prefs = { language: 'zh', large: false, contrast: false }
const NO_DRAFT: Draft = { tags: [], comment: '', phone: '' }
/** Prompts remembered as rated; a window serves far fewer within a prompt's life. */
const ANSWERED_KEPT = 50

export function initialState(now: number): State {
  return {
    screen: { kind: 'starting' },
    welcome: null,
    online: false,
    queueOK: true,
    held: null,
    answered: [],
    lastTouch: now,
    prefs: DEFAULT_PREFS,
  }
}

/** The next state. An event that changes nothing gives the same object back. */
export function step(state: State, event: Event, now: number): State {
  return paperWhereNeeded(apply(state, event, now))
}

function apply(state: State, event: Event, now: number): State {
  switch (event.type) {
    case 'pairing':
      return { ...state, online: false, welcome: null, held: null, screen: screenOfPairing(event) }
    case 'connecting':
      return {
        ...state,
        welcome: event.welcome,
        answered: event.answered,
        screen: event.welcome ? { kind: 'idle' } : { kind: 'connecting' },
      }
    case 'welcomed':
      return welcomed(state, event.welcome)
    case 'link_lost':
      return state.online ? { ...state, online: false } : state
    case 'prompted':
      return prompted(state, event.prompt, now)
    case 'withdrawn':
      return withdrawn(state, event.promptId, now)
    case 'touched':
      return state.lastTouch === now ? state : { ...state, lastTouch: now }
    case 'rate':
      if (state.screen.kind !== 'idle') return state
      return { ...state, lastTouch: now, screen: { kind: 'asked', prompt: null, since: now } }
    case 'left':
      return state.screen.kind === 'asked' && settled(state.screen, now) ? nextPatient(state, now) : state
    case 'queue_changed':
      return state.queueOK === event.ok ? state : { ...state, queueOK: event.ok }
    case 'prefs_changed':
      return { ...state, lastTouch: now, prefs: { ...state.prefs, ...event.prefs } }
    case 'self_test_began':
      return state.screen.kind === 'idle' ? { ...state, screen: { kind: 'self_test', since: now } } : state
    case 'self_test_ended':
      return state.screen.kind === 'self_test' ? { ...state, screen: { kind: 'idle' } } : state
    case 'stopped':
      return { ...state, online: false, held: null, screen: { kind: 'out_of_service', reason: event.reason } }
    case 'standby':
      return { ...state, screen: { kind: 'standby' } }
    case 'faulted':
      return { ...state, held: null, screen: { kind: 'faulty' } }
    case 'tick':
      return tick(state, now)
    default:
      return answer(state, event, now)
  }
}

function screenOfPairing(event: Extract<Event, { type: 'pairing' }>): Screen {
  return { kind: 'pairing', code: event.code, expiresAt: event.expiresAt, problem: event.problem }
}

/** The part of a visit after the tap. */
function answer(state: State, event: Event, now: number): State {
  const { screen } = state
  switch (event.type) {
    case 'graded':
      return graded(state, event.ratingId, event.grade, now)
    case 'stored':
      return screen.kind === 'taking' && screen.ratingId === event.ratingId ? stored(state, screen, now) : state
    case 'store_failed':
      if (screen.kind !== 'taking' || screen.ratingId !== event.ratingId) return state
      return { ...state, queueOK: false, screen: { kind: 'paper' } }
    case 'acked':
      return acked(state, event.id, event.outcome)
  }
  if (screen.kind !== 'why') return state
  const why = (part: Partial<typeof screen>): State => ({ ...state, lastTouch: now, screen: { ...screen, ...part } })
  switch (event.type) {
    case 'tag_toggled': {
      if (!settled(screen, now)) return state
      const on = screen.draft.tags.includes(event.tag)
      const tags = on ? screen.draft.tags.filter((t) => t !== event.tag) : [...screen.draft.tags, event.tag].sort()
      return why({ draft: { ...screen.draft, tags } })
    }
    case 'panel_opened':
      return settled(screen, now) ? why({ panel: event.panel, since: now }) : state
    case 'comment_changed':
      return why({ draft: { ...screen.draft, comment: event.comment } })
    case 'phone_changed':
      return why({ draft: { ...screen.draft, phone: event.phone.replace(/\D/g, '').slice(0, PHONE_MAX) } })
    case 'finished':
      return settled(screen, now) ? { ...state, screen: thanks(state, screen, now) } : state
  }
  return state
}

/** Whether a tap on a face counts now. */
export function canGrade(state: State, now: number): boolean {
  const { screen } = state
  if (screen.kind !== 'asked' || !settled(screen, now) || !state.welcome) return false
  return screen.prompt === null || now < screen.prompt.expiresAt
}

function graded(state: State, ratingId: string, grade: Grade, now: number): State {
  if (!canGrade(state, now) || state.screen.kind !== 'asked') return state
  const promptId = state.screen.prompt?.prompt.id ?? null
  const items = followUps(state.welcome?.questionnaire, grade)
  const answered = promptId ? [...state.answered, promptId].slice(-ANSWERED_KEPT) : state.answered
  return { ...state, answered, lastTouch: now, screen: { kind: 'taking', ratingId, promptId, items, outcome: null } }
}

function stored(state: State, screen: Extract<Screen, { kind: 'taking' }>, now: number): State {
  if (screen.items.length === 0) return { ...state, screen: thanks(state, screen, now) }
  const { ratingId, items, outcome } = screen
  return {
    ...state,
    lastTouch: now,
    screen: { kind: 'why', ratingId, items, panel: 'tags', draft: NO_DRAFT, since: now, outcome },
  }
}

function acked(state: State, id: string, outcome: Outcome): State {
  const { screen } = state
  if (!('ratingId' in screen) || screen.ratingId !== id) return state
  if (screen.kind === 'thanks') return { ...state, screen: { ...screen, delivery: deliveryOf(outcome) } }
  return { ...state, screen: { ...screen, outcome } }
}

function deliveryOf(outcome: Outcome): Delivery {
  return outcome === 'stored' || outcome === 'duplicate' ? 'received' : 'refused'
}

function thanks(state: State, from: { ratingId: string; outcome: Outcome | null }, now: number): Screen {
  const waiting = state.online ? 'sending' : 'saved'
  const delivery = from.outcome ? deliveryOf(from.outcome) : waiting
  return { kind: 'thanks', ratingId: from.ratingId, delivery, since: now, until: now + thanksMillis(state) }
}

/** The questions that follow a grade, in the questionnaire's order. */
export function followUps(questionnaire: Questionnaire | undefined, grade: Grade): Item[] {
  return (questionnaire?.items ?? []).filter((item) => {
    if (item.kind === 'grade') return false
    const { at_least = 1, at_most = 5 } = item.when ?? {}
    return grade >= (at_least || 1) && grade <= (at_most || 5)
  })
}

/** What the patient is asked with the five faces. */
export function question(welcome: Welcome | null): Text | undefined {
  return welcome?.questionnaire?.items.find((item) => item.kind === 'grade')?.text
}

/**
 * The heading over the tags when it is the same after every grade. Otherwise none
 * is given: one that differs would tell the counter what was tapped.
 */
export function neutralHeading(questionnaire: Questionnaire | undefined): Text | undefined {
  const [first, ...rest] = (questionnaire?.items ?? []).filter((item) => item.kind === 'tags').map((item) => item.text)
  return rest.every((text) => text.zh === first?.zh && text.en === first?.en) ? first : undefined
}

export interface Detail {
  tags: string[]
  comment?: string
  callback_phone?: string
}

/** A draft that says nothing makes no detail; a number that is not whole is left out. */
export function detailOf(draft: Draft): Detail | null {
  const comment = draft.comment.trim()
  const phone = isWholeNumber(draft.phone) ? draft.phone : ''
  if (draft.tags.length === 0 && !comment && !phone) return null
  return { tags: draft.tags, ...(comment && { comment }), ...(phone && { callback_phone: phone }) }
}

/** What somebody who went away without a word has said. A comment still being written was not said. */
export function leftBehind(screen: Extract<Screen, { kind: 'why' }>): Detail | null {
  return detailOf(screen.panel === 'comment' ? { ...screen.draft, comment: '' } : screen.draft)
}

export function hasDraft({ tags, comment, phone }: Draft): boolean {
  return tags.length > 0 || comment.trim() !== '' || phone !== ''
}

/** How long the screen after the tap waits for the next touch, in milliseconds. */
export function whyMillis(state: State): number {
  const writing = state.screen.kind === 'why' && state.screen.panel !== 'tags'
  if (state.held) return writing ? Math.max(GIVE_WAY_MILLIS, idleMillis(state)) : GIVE_WAY_MILLIS
  return writing ? Math.max(WRITING_MILLIS, idleMillis(state)) : idleMillis(state)
}

function welcomed(state: State, welcome: Welcome): State {
  const known = { ...state, welcome, online: true }
  const { kind } = state.screen
  const begins = kind === 'starting' || kind === 'connecting' || kind === 'pairing' || kind === 'out_of_service'
  return begins ? { ...known, screen: { kind: 'idle' } } : known
}

function prompted(state: State, next: LocalPrompt, now: number): State {
  const { screen } = state
  if (state.answered.includes(next.prompt.id) || now >= next.expiresAt) return state
  switch (screen.kind) {
    case 'idle':
    case 'self_test':
      return { ...state, held: null, screen: { kind: 'asked', prompt: next, since: now } }
    case 'asked':
      if (screen.prompt?.prompt.id === next.prompt.id) return state
      // A window asks for the transaction just finished: its patient stands here now.
      if (screen.prompt || now - state.lastTouch >= GIVE_WAY_MILLIS) return showHeld({ ...state, held: next }, now)
      return { ...state, held: next }
    case 'taking':
    case 'why':
    case 'thanks':
      return { ...state, held: next }
  }
  return state
}

function withdrawn(state: State, promptId: string, now: number): State {
  const held = state.held?.prompt.id === promptId ? null : state.held
  const { screen } = state
  if (screen.kind === 'asked' && screen.prompt?.prompt.id === promptId) return nextPatient({ ...state, held }, now)
  return held === state.held ? state : { ...state, held }
}

/** Leaves nothing of this patient: the next one's prompt, or the idle page. */
function nextPatient(state: State, now: number): State {
  if (state.held && now < state.held.expiresAt) return showHeld(state, now)
  return { ...state, held: null, prefs: DEFAULT_PREFS, screen: { kind: 'idle' } }
}

function showHeld(state: State, now: number): State {
  return { ...state, held: null, prefs: DEFAULT_PREFS, screen: { kind: 'asked', prompt: state.held, since: now } }
}

function tick(before: State, now: number): State {
  const state = before.held && now >= before.held.expiresAt ? { ...before, held: null } : before
  const quiet = now - state.lastTouch
  const { screen } = state
  switch (screen.kind) {
    case 'idle':
      return quiet >= idleMillis(state) && !isDefault(state.prefs) ? { ...state, prefs: DEFAULT_PREFS } : state
    case 'asked':
      if (screen.prompt) return now >= screen.prompt.expiresAt ? nextPatient(state, now) : state
      return quiet >= (state.held ? GIVE_WAY_MILLIS : idleMillis(state)) ? nextPatient(state, now) : state
    case 'why':
      if (quiet < whyMillis(state)) return state
      return state.held ? nextPatient(state, now) : { ...state, screen: thanks(state, screen, now) }
    case 'thanks':
      return tickThanks(state, screen, now)
  }
  return state
}

function tickThanks(state: State, screen: Extract<Screen, { kind: 'thanks' }>, now: number): State {
  if (now >= screen.until) return nextPatient(state, now)
  const late = now - screen.since >= SENDING_MILLIS || !state.online
  return screen.delivery === 'sending' && late ? { ...state, screen: { ...screen, delivery: 'saved' } } : state
}

/** What cannot be kept is not asked for. A patient who has already tapped is not interrupted. */
function paperWhereNeeded(state: State): State {
  const { kind } = state.screen
  const open =
    kind === 'idle' || kind === 'asked' || kind === 'connecting' || kind === 'starting' || kind === 'self_test'
  if (!state.queueOK && open) return { ...state, held: null, prefs: DEFAULT_PREFS, screen: { kind: 'paper' } }
  if (state.queueOK && kind === 'paper') return { ...state, screen: { kind: state.welcome ? 'idle' : 'connecting' } }
  return state
}

function settled(screen: { since: number }, now: number): boolean {
  return now - screen.since >= SETTLE_MILLIS
}

function isDefault(prefs: Prefs): boolean {
  return prefs.language === DEFAULT_PREFS.language && !prefs.large && !prefs.contrast
}

function idleMillis(state: State): number {
  return (state.welcome?.settings.idle_reset_seconds ?? 20) * 1000
}

function thanksMillis(state: State): number {
  return (state.welcome?.settings.thanks_seconds ?? 4) * 1000
}
