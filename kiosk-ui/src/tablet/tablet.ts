import type { Fact, Grade, Prompt, RatingFact, TabletServerFrame, Welcome } from '../shared/wire'
import { hospitalDay, toDeviceTime, wireTime } from './clock'
import type { FactQueue } from './queue'
import { selfTestOwed } from './selftest'
import { canGrade, type Detail, detailOf, type Event, initialState, leftBehind, type State, step } from './session'

/** A disk that has not answered by then has failed the patient who waits. */
export const STORE_MILLIS = 5_000

export interface TabletOptions {
  queue: FactQueue
  now: () => number
  newId: (atMillis: number) => string
  changed: (state: State) => void
}

/**
 * One tablet at work: turns touches and frames into events of the session, and
 * what was answered into facts in the queue. Holds what the screen must not know.
 */
export class Tablet {
  private current: State
  private offset = 0
  private readonly shown = new Set<string>()
  private selfTestDue = false
  private selfTestDay: string | null = null

  constructor(private readonly options: TabletOptions) {
    this.current = initialState(options.now())
  }

  get state(): State {
    return this.current
  }

  dispatch(event: Event): void {
    const before = this.current.screen
    const next = step(this.current, event, this.options.now())
    if (next === this.current) return
    this.current = next
    this.options.changed(next)
    const walkedAway = before.kind === 'why' && next.screen.kind !== 'why' && event.type !== 'finished'
    if (walkedAway) void this.keepDetail(before.ratingId, leftBehind(before))
  }

  /** The prompts that were rated by what still waits in the queue. */
  answeredPrompts(): string[] {
    return this.options.queue.facts().flatMap((f) => (f.type === 'rating' && f.prompt_id ? [f.prompt_id] : []))
  }

  welcomed(welcome: Welcome, offset: number): void {
    this.offset = offset
    this.selfTestDue = welcome.self_test_due ?? false
    this.dispatch({ type: 'welcomed', welcome: withoutPrompt(welcome) })
    if (welcome.prompt) this.prompted(welcome.prompt)
  }

  received(frame: TabletServerFrame): void {
    switch (frame.type) {
      case 'self_test_due':
        this.selfTestDue = true
        return
      case 'prompt':
        this.prompted(frame.prompt)
        return
      case 'prompt_withdrawn':
        this.dispatch({ type: 'withdrawn', promptId: frame.prompt_id })
        return
      case 'ack':
        this.options.queue.ack(frame)
        this.dispatch({ type: 'acked', id: frame.id, outcome: frame.outcome })
        return
      case 'retry':
        this.options.queue.retry(frame.id, frame.after_seconds)
    }
  }

  private prompted(prompt: Prompt): void {
    const expiresAt = toDeviceTime(prompt.expires_at, this.offset)
    if (expiresAt !== null) this.dispatch({ type: 'prompted', prompt: { prompt, expiresAt } })
  }

  /** The prompt stands on the glass: from now on it was offered. Said once. */
  async promptShown(promptId: string): Promise<void> {
    if (this.shown.has(promptId)) return
    this.shown.add(promptId)
    const at = this.options.now()
    await this.keep({ type: 'prompt_shown', id: this.options.newId(at), at: wireTime(at), prompt_id: promptId })
  }

  /** A face was pressed. The rating is on disk before the screen goes on. */
  async grade(grade: Grade): Promise<void> {
    const at = this.options.now()
    const { screen, welcome, prefs } = this.current
    if (screen.kind !== 'asked' || !canGrade(this.current, at) || !welcome?.place || !welcome.questionnaire) return
    const fact: RatingFact = {
      type: 'rating',
      id: this.options.newId(at),
      at: wireTime(at),
      place: welcome.place.id,
      ...(screen.prompt && { prompt_id: screen.prompt.prompt.id }),
      questionnaire: welcome.questionnaire.version,
      grade,
      dwell_ms: Math.max(0, Math.round(at - screen.since)),
      language: prefs.language,
    }
    this.dispatch({ type: 'graded', ratingId: fact.id, grade })
    const kept = await this.keep(fact)
    this.dispatch({ type: kept ? 'stored' : 'store_failed', ratingId: fact.id })
  }

  /** "Send": what was added becomes a fact of its own, then thanks. */
  async sendDetail(): Promise<void> {
    const { screen } = this.current
    if (screen.kind !== 'why') return
    const detail = detailOf(screen.draft)
    this.dispatch({ type: 'finished' })
    if (this.current.screen.kind === 'thanks') await this.keepDetail(screen.ratingId, detail)
  }

  private async keepDetail(ratingId: string, detail: Detail | null): Promise<void> {
    if (!detail) return
    const at = this.options.now()
    await this.keep({
      type: 'rating_detail',
      id: this.options.newId(at),
      at: wireTime(at),
      rating_id: ratingId,
      ...detail,
    })
  }

  /** Whether the daily proof is owed and the queue can carry it. */
  selfTestOwed(): boolean {
    const { welcome, queueOK } = this.current
    if (!welcome?.place || !queueOK) return false
    return selfTestOwed(this.selfTestDue, this.selfTestDay, this.day(this.options.now()))
  }

  async selfTested(keyWorked: boolean): Promise<void> {
    const place = this.current.welcome?.place
    if (!place) return
    const at = this.options.now()
    this.selfTestDue = false
    this.selfTestDay = this.day(at)
    const id = this.options.newId(at)
    await this.keep({ type: 'self_test', id, at: wireTime(at), place: place.id, key_worked: keyWorked })
  }

  /** The hospital's day of a moment of this device's clock. */
  private day(at: number): string {
    return hospitalDay(at + this.offset, this.current.welcome?.hospital.zone)
  }

  /** Says whether the fact is on disk. A disk that hangs counts as one that failed. */
  private async keep(fact: Fact): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => {
        this.options.queue.hung()
        resolve(false)
      }, STORE_MILLIS)
    })
    const stored = this.options.queue.add(fact).then(
      () => true,
      () => false,
    )
    try {
      return await Promise.race([stored, late])
    } finally {
      clearTimeout(timer)
      this.dispatch({ type: 'queue_changed', ok: this.options.queue.ok })
    }
  }
}

/** What may be kept for a start without network: a prompt is of the moment only. */
export function withoutPrompt(welcome: Welcome): Welcome {
  const { prompt: _, ...rest } = welcome
  return rest
}
