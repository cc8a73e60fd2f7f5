import type { Result, SurveyApi } from './api'
import { answeredCount, answerOf, ENVELOPE_YES, type Entries, type Entry, entriesOf, firstOpen } from './form'
import { type Kept, SaveQueue } from './queue'
import type { Question, Save, Saved, Survey } from './wire'

export type Screen =
  | 'loading'
  | 'unreachable' // nothing could be loaded yet
  | 'gone' // the gateway knows no open survey by this token
  | 'intro'
  | 'question'
  | 'clue'
  | 'call'
  | 'sending' // the end is on its way
  | 'refused' // the gateway would not take the end
  | 'done' // the gateway has stored it
  | 'stopped' // the clue lane: receipt and hotline

export interface State {
  screen: Screen
  survey: Survey | null
  entries: Entries
  /** The question on the screen. */
  at: number
  /** Saves that wait. */
  waiting: number
  /** Whether the last request reached the gateway. */
  reached: boolean
  /** What is on its way while `sending`. */
  ending: 'finish' | 'clue' | null
  wish: boolean
  receipt: string
  clueHotline: string
}

export interface SessionOptions {
  api: SurveyApi
  token: string
  kept: Kept
  newId: () => string
  later: (run: () => void, millis: number) => unknown
  changed: (state: State) => void
}

/** One survey being answered: touches in, saves out, and what the screen shows. */
export class Session {
  private current: State = {
    screen: 'loading',
    survey: null,
    entries: {},
    at: 0,
    waiting: 0,
    reached: true,
    ending: null,
    wish: false,
    receipt: '',
    clueHotline: '',
  }
  private readonly queue: SaveQueue
  /** What was handed to the queue last, by question. */
  private readonly handed = new Map<string, string>()
  /** A clue waits here alone: its words are never written to the phone. */
  private clue: Save | null = null
  private clueSending = false

  constructor(private readonly options: SessionOptions) {
    this.queue = new SaveQueue({
      kept: options.kept,
      send: (save) => options.api.save(options.token, save),
      later: options.later,
      answered: (save, result) => this.answered(save, result),
      changed: (waiting, reached) => this.set({ waiting, reached }),
    })
  }

  get state(): State {
    return this.current
  }

  get question(): Question | undefined {
    return this.questions[this.current.at]
  }

  private get questions(): readonly Question[] {
    return this.current.survey?.form.questions ?? []
  }

  private set(change: Partial<State>): void {
    this.current = { ...this.current, ...change }
    this.options.changed(this.current)
  }

  /** Sends what an earlier visit left, then shows the survey. */
  start(): void {
    const left = this.queue.waiting
    this.set({ waiting: left.length })
    if (left.some((save) => save.finish)) {
      this.set({ screen: 'sending', ending: 'finish', wish: left.some((save) => save.call_back) })
      this.queue.kick()
      return
    }
    this.queue.kick()
    void this.load()
  }

  private async load(): Promise<void> {
    const result = await this.options.api.survey(this.options.token)
    if (this.current.screen !== 'loading' && this.current.screen !== 'unreachable') return
    if (result.kind !== 'ok') {
      this.set(result.kind === 'gone' ? { screen: 'gone' } : { screen: 'unreachable', reached: false })
      return
    }
    const survey = result.value
    const entries = entriesOf(survey, this.queue.waiting)
    for (const q of survey.form.questions) {
      const answer = answerOf(q, entries[q.id])
      if (answer) this.handed.set(q.id, JSON.stringify(answer))
    }
    this.set({ screen: 'intro', survey, entries, at: 0, reached: true })
  }

  /** Tries again now whatever waits for the network. */
  retry(): void {
    if (this.current.screen === 'unreachable') {
      this.set({ screen: 'loading' })
      void this.load()
    }
    if (this.clue) void this.sendClue()
    else this.queue.kick()
  }

  begin(): void {
    const at = firstOpen(this.questions, this.current.entries)
    this.set(
      at < this.questions.length ? { screen: 'question', at } : { screen: 'call', at: this.questions.length - 1 },
    )
  }

  enter(change: Entry): void {
    const q = this.question
    if (!q || this.current.entries[q.id]?.final) return
    this.set({ entries: { ...this.current.entries, [q.id]: { ...this.current.entries[q.id], ...change } } })
  }

  next(): void {
    const q = this.question
    if (!q) return
    if (q.kind === 'envelope' && this.current.entries[q.id]?.value === ENVELOPE_YES) {
      this.set({ screen: 'clue' })
      return
    }
    this.handOver(q)
    if (this.current.screen !== 'question') return // a clue came of it meanwhile
    if (this.current.at + 1 < this.questions.length) this.set({ at: this.current.at + 1 })
    else this.set({ screen: 'call' })
  }

  back(): void {
    const { screen, at } = this.current
    if (screen === 'clue' || screen === 'call') this.set({ screen: 'question' })
    else if (screen === 'question') this.set(at === 0 ? { screen: 'intro' } : { at: at - 1 })
  }

  private handOver(q: Question): void {
    const answer = answerOf(q, this.current.entries[q.id])
    if (!answer || this.handed.get(q.id) === JSON.stringify(answer)) return
    this.handed.set(q.id, JSON.stringify(answer))
    if (q.overall) this.enter({ final: true })
    this.queue.add({ id: this.options.newId(), answers: [answer] })
  }

  /** Whether there is anything to hand in. */
  get finishable(): boolean {
    return answeredCount(this.questions, this.current.entries) > 0
  }

  finish(wish: boolean, phone: string): void {
    if (this.current.screen !== 'call' || !this.finishable) return
    this.set({ screen: 'sending', ending: 'finish', wish })
    this.queue.add({
      id: this.options.newId(),
      finish: true,
      ...(wish ? { call_back: true } : {}),
      ...(wish && phone ? { call_phone: phone } : {}),
    })
  }

  /** Tells of an envelope. Answers that still wait are dropped: the survey is over. */
  tell(words: string): void {
    if (this.current.screen !== 'clue') return
    this.queue.clear()
    this.clue = { id: this.options.newId(), clue: { text: words.trim() } }
    this.set({ screen: 'sending', ending: 'clue' })
    void this.sendClue()
  }

  private async sendClue(): Promise<void> {
    if (!this.clue || this.clueSending) return
    this.clueSending = true
    const save = this.clue
    const result = await this.options.api.save(this.options.token, save)
    this.clueSending = false
    if (result.kind === 'away') {
      this.set({ reached: false })
      return
    }
    this.clue = null
    this.answered(save, result)
  }

  private answered(save: Save, result: Exclude<Result<Saved>, { kind: 'away' }>): void {
    if (result.kind !== 'ok') {
      // A single answer that is refused is a question the form does not have:
      // nobody is stopped for it.
      if (result.kind === 'gone') this.set({ screen: 'gone' })
      else if (save.finish || save.clue) this.set({ screen: 'refused', reached: true })
      return
    }
    const { state, receipt, clue_hotline } = result.value
    if (state === 'stopped') {
      this.queue.clear()
      this.set({
        screen: 'stopped',
        entries: {},
        receipt: receipt ?? '',
        clueHotline: clue_hotline ?? '',
        reached: true,
      })
    } else if (state === 'done') this.set({ screen: 'done', reached: true })
  }
}
