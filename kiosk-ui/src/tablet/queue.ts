import type { Ack, Fact } from '../shared/wire'

/** At most this many facts are under way without an acknowledgement. */
export const MAX_IN_FLIGHT = 32

/**
 * Facts a device may keep. Eight hours at one patient every ten seconds, each
 * with prompt_shown, rating and detail, are 8,640; beyond it, paper.
 */
export const QUEUE_CAPACITY = 10_000

/** Where facts lie durably. Each call resolves only when it is on disk. */
export interface FactStore {
  all(): Promise<{ seq: number; fact: Fact }[]>
  /** Stores a fact and gives its place in the order. */
  put(fact: Fact): Promise<number>
  remove(seq: number): Promise<void>
  /** Moves a fact out of the queue, keeping it for a person. */
  setAside(seq: number): Promise<void>
  /** Resolves when the store can write. */
  probe(): Promise<void>
}

/** The queue cannot take another fact: paper, please. */
export class QueueFullError extends Error {
  override name = 'QueueFullError'
}

interface Entry {
  seq: number
  fact: Fact
  /** When it was sent on this connection; null: not yet. */
  sentAt: number | null
}

export interface QueueOptions {
  now: () => number
  capacity?: number
  /** Called after every change of size or ok. */
  changed?: () => void
}

/**
 * The durable queue of facts. A fact is on disk before `add` resolves, is sent
 * oldest first while connected, and leaves only when an ack names its id.
 */
export class FactQueue {
  private entries: Entry[] = []
  private loaded = false
  private broken = false
  private send: ((fact: Fact) => void) | null = null
  private window = MAX_IN_FLIGHT
  private pausedUntil = 0
  private pauseTimer: ReturnType<typeof setTimeout> | undefined
  private readonly capacity: number

  constructor(
    private readonly store: FactStore,
    private readonly options: QueueOptions,
  ) {
    this.capacity = options.capacity ?? QUEUE_CAPACITY
  }

  get size(): number {
    return this.entries.length
  }

  /** Whether another fact can be taken. */
  get ok(): boolean {
    return this.loaded && !this.broken && this.entries.length < this.capacity
  }

  /** The facts in order, oldest first. */
  facts(): Fact[] {
    return this.entries.map((entry) => entry.fact)
  }

  /** Reads what an earlier page left. On failure the queue is not ok and `probe` tries again. */
  async load(): Promise<void> {
    try {
      const rows = await this.store.all()
      const known = new Set(this.entries.map((entry) => entry.seq))
      for (const row of rows) if (!known.has(row.seq)) this.entries.push({ ...row, sentAt: null })
      this.sort()
      this.loaded = true
      this.broken = false
    } catch {
      this.broken = true
    }
    this.pump()
    this.options.changed?.()
  }

  /** Resolves when the fact is on disk. Rejects when it is not: nothing may be thanked for then. */
  async add(fact: Fact): Promise<void> {
    if (this.entries.length >= this.capacity) throw new QueueFullError(`the queue holds ${this.entries.length} facts`)
    let seq: number
    try {
      seq = await this.store.put(fact)
    } catch (error) {
      this.broken = true
      this.options.changed?.()
      throw new Error('store fact', { cause: error })
    }
    this.broken = false
    this.entries.push({ seq, fact, sentAt: null })
    this.sort()
    this.pump()
    this.options.changed?.()
  }

  /** The store did not answer in time: nothing more is taken until a probe succeeds. */
  hung(): void {
    this.broken = true
    this.options.changed?.()
  }

  /** A connection is up: everything not acknowledged is sent (again), oldest first. */
  connect(send: (fact: Fact) => void): void {
    this.send = send
    this.resume(0)
    for (const entry of this.entries) entry.sentAt = null
    this.pump()
  }

  disconnect(): void {
    this.send = null
    clearTimeout(this.pauseTimer)
    for (const entry of this.entries) entry.sentAt = null
  }

  /** The server has taken responsibility, whatever the outcome. Gives the fact, if it was ours. */
  ack(frame: Ack): Fact | undefined {
    const index = this.entries.findIndex((entry) => entry.fact.id === frame.id)
    const entry = this.entries[index]
    if (!entry) return undefined
    this.entries.splice(index, 1)
    this.window = MAX_IN_FLIGHT
    // Should the removal fail, the next page load sends it again and the server
    // answers "duplicate".
    this.store.remove(entry.seq).catch(() => {
      this.broken = true
      this.options.changed?.()
    })
    this.pump()
    this.options.changed?.()
    return entry.fact
  }

  /** The server stored nothing: the fact stays, and everything waits that long. */
  retry(id: string, afterSeconds: number): void {
    const entry = this.entries.find((e) => e.fact.id === id)
    if (!entry) return
    entry.sentAt = null
    this.resume(Math.min(Math.max(afterSeconds, 1), 300) * 1000)
  }

  /**
   * The connection was closed for a frame that is too big. Facts then go one at a
   * time; the one that was alone under way when it happens again is set aside.
   */
  tooBig(): void {
    const inFlight = this.entries.filter((entry) => entry.sentAt !== null)
    const alone = inFlight[0]
    if (inFlight.length === 1 && alone) {
      this.entries = this.entries.filter((entry) => entry !== alone)
      this.store.setAside(alone.seq).catch(() => {
        this.broken = true
      })
      this.options.changed?.()
    } else {
      this.window = 1
    }
  }

  /** How long the oldest fact under way has waited for its ack; 0 when none is. */
  waitingMillis(): number {
    let oldest = Number.POSITIVE_INFINITY
    for (const entry of this.entries) if (entry.sentAt !== null) oldest = Math.min(oldest, entry.sentAt)
    return oldest === Number.POSITIVE_INFINITY ? 0 : this.options.now() - oldest
  }

  /** Tries a broken store again. */
  async probe(): Promise<void> {
    if (this.loaded && !this.broken) return
    if (!this.loaded) return this.load()
    try {
      await this.store.probe()
      this.broken = false
      this.options.changed?.()
    } catch {
      this.broken = true
    }
  }

  private resume(afterMillis: number): void {
    clearTimeout(this.pauseTimer)
    this.pausedUntil = this.options.now() + afterMillis
    if (afterMillis > 0) this.pauseTimer = setTimeout(() => this.pump(), afterMillis)
  }

  private sort(): void {
    this.entries.sort((a, b) => a.seq - b.seq)
  }

  private pump(): void {
    if (!this.send || this.options.now() < this.pausedUntil) return
    let free = this.window - this.entries.filter((entry) => entry.sentAt !== null).length
    for (const entry of this.entries) {
      if (free <= 0) return
      if (entry.sentAt !== null) continue
      entry.sentAt = this.options.now()
      free--
      this.send(entry.fact)
    }
  }
}
