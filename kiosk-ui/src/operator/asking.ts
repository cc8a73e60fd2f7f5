// One press, one transaction number, one question on the tablet. The number is
// made at the press and kept through every retry, so that the gateway asks
// nobody twice; after a minute without an answer it is given up, for the
// patient has left and the next one must not be asked in their place.
import { type Api, ApiError, OfflineError } from '../desk/api'

export type Step =
  | 'idle'
  | 'sending'
  | 'retrying'
  | 'waiting'
  | 'offered'
  | 'rated'
  | 'expired'
  | 'no_tablet'
  | 'lost'
  | 'refused'

export interface Asking {
  step: Step
  /** op-<uuid>; '' before the first press. */
  number: string
  staffUnknown: boolean
  /** The last press came too soon after another and was left out. */
  tooSoon: boolean
  error: unknown
}

export interface WindowState {
  tablets: number
  prompt?: { id: string; state: PromptState; expires_at: string }
  offered_today: number
  answered_today: number
}

type PromptState = 'waiting' | 'offered' | 'rated' | 'expired'

interface Answer {
  prompt_id: string
  state: PromptState
  tablets: number
  staff_known?: boolean
}

export interface AskingOptions {
  api: Pick<Api, 'get' | 'post'>
  window: string
  kind: string
  uuid: () => string
  now: () => number
  later: (run: () => void, ms: number) => void
  changed: (asking: Asking) => void
}

/** Presses closer together than this are one press. */
export const PRESS_GAP_MS = 2_500
/** How long an unsent question is still worth asking. */
export const GIVE_UP_MS = 60_000
const RETRY_MS = [1_000, 2_000, 4_000, 8_000]

interface Current {
  body: { transaction: string; kind: string; staff?: string }
  pressedAt: number
  tries: number
  promptId: string
}

const UNDER_WAY: readonly Step[] = ['waiting', 'offered', 'no_tablet']

export function createAsking(o: AskingOptions) {
  const path = `/api/v1/operator/windows/${encodeURIComponent(o.window)}`
  let asking: Asking = { step: 'idle', number: '', staffUnknown: false, tooSoon: false, error: null }
  let current: Current | undefined

  const set = (change: Partial<Asking>) => {
    asking = { ...asking, ...change }
    o.changed(asking)
  }
  const busy = () => asking.step === 'sending' || asking.step === 'retrying'

  function press(staff: string): boolean {
    if (busy()) return false
    if (current && o.now() - current.pressedAt < PRESS_GAP_MS) {
      set({ tooSoon: true })
      return false
    }
    const number = `op-${o.uuid().toLowerCase()}`
    const body = { transaction: number, kind: o.kind }
    current = { body: staff ? { ...body, staff } : body, pressedAt: o.now(), tries: 0, promptId: '' }
    set({ step: 'sending', number, staffUnknown: false, tooSoon: false, error: null })
    void send(current)
    return true
  }

  async function send(mine: Current): Promise<void> {
    try {
      const answer = await o.api.post<Answer>(`${path}/transactions`, mine.body)
      if (mine === current) take(mine, answer)
    } catch (error) {
      if (mine === current) failed(mine, error)
    }
  }

  function take(mine: Current, answer: Answer): void {
    mine.promptId = answer.prompt_id
    const unseen = answer.state === 'waiting' && answer.tablets === 0
    set({ step: unseen ? 'no_tablet' : answer.state, staffUnknown: answer.staff_known === false, error: null })
  }

  function failed(mine: Current, error: unknown): void {
    if (!worthRetrying(error)) {
      set({ step: 'refused', error })
      return
    }
    const wait = Math.max(RETRY_MS[Math.min(mine.tries, RETRY_MS.length - 1)] ?? 0, retryAfter(error))
    mine.tries++
    if (o.now() + wait - mine.pressedAt > GIVE_UP_MS) {
      set({ step: 'lost', error })
      return
    }
    set({ step: 'retrying', error })
    o.later(() => {
      if (mine === current && asking.step === 'retrying') void send(mine)
    }, wait)
  }

  /** Leaves an unsent question unasked. */
  function stop(): void {
    if (asking.step !== 'retrying') return
    current = undefined
    set({ step: 'idle', error: null })
  }

  /**
   * What the window says of its open prompt. Ours gone means rated or expired:
   * the same transaction once more tells which, and asks nobody.
   */
  async function seen(state: WindowState): Promise<void> {
    const mine = current
    if (!mine?.promptId || !UNDER_WAY.includes(asking.step)) return
    if (state.prompt?.id === mine.promptId) {
      const step = state.prompt.state === 'waiting' && state.tablets === 0 ? 'no_tablet' : state.prompt.state
      if (step !== asking.step) set({ step })
      return
    }
    try {
      const answer = await o.api.post<Answer>(`${path}/transactions`, mine.body)
      if (mine === current && answer.state !== asking.step) take(mine, answer)
    } catch {
      // The next reading of the window asks again.
    }
  }

  return { press, stop, seen, read: () => o.api.get<WindowState>(path), current: () => asking }
}

function worthRetrying(error: unknown): boolean {
  if (error instanceof OfflineError) return true
  return error instanceof ApiError && (error.status >= 500 || error.status === 429)
}

function retryAfter(error: unknown): number {
  return error instanceof ApiError ? error.retryAfterSeconds * 1000 : 0
}

/** Whether a key press means "ask": F9 anywhere, space where it would not type or press something else. */
export function asks(
  event: Pick<KeyboardEvent, 'key' | 'repeat' | 'ctrlKey' | 'altKey' | 'metaKey'>,
  focused: Element | null,
): boolean {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return false
  if (event.key === 'F9') return true
  return event.key === ' ' && !['INPUT', 'TEXTAREA', 'SELECT', 'BUTTON', 'A'].includes(focused?.tagName ?? '')
}

/** Work numbers as the hospital writes them; empty is fine. */
export function staffOk(staff: string): boolean {
  return /^[A-Za-z0-9_-]{0,64}$/.test(staff)
}
