import type { Result } from './api'
import type { Save, Saved } from './wire'

/** Waits between tries, in milliseconds: soon at first, then twice a minute. */
const PAUSES = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000] as const

/** Where saves wait for the network. */
export interface Kept {
  read(): Save[]
  write(saves: Save[]): void
}

export interface QueueOptions {
  kept: Kept
  send: (save: Save) => Promise<Result<Saved>>
  later: (run: () => void, millis: number) => unknown
  /** A save was answered; `gone` ends all that waited. */
  answered: (save: Save, result: Exclude<Result<Saved>, { kind: 'away' }>) => void
  /** How many wait, and whether the last try reached the gateway. */
  changed: (waiting: number, reached: boolean) => void
}

/**
 * Saves on their way to the gateway, one after another, oldest first. A save
 * leaves the queue only when the gateway has answered it; until then it is sent
 * again under the same id, also by the next visit to the page.
 */
export class SaveQueue {
  private saves: Save[]
  private sending = false
  private failures = 0
  /** Tells a pause that is over from the newest one. */
  private pause = 0

  constructor(private readonly options: QueueOptions) {
    this.saves = options.kept.read()
  }

  get waiting(): readonly Save[] {
    return this.saves
  }

  add(save: Save): void {
    this.keep([...this.saves, save])
    void this.run()
  }

  /** Tries now: the network has come back, or somebody asks for it. */
  kick(): void {
    this.failures = 0
    void this.run()
  }

  clear(): void {
    this.keep([])
  }

  private keep(saves: Save[]): void {
    this.saves = saves
    this.options.kept.write(saves)
    this.options.changed(saves.length, this.failures === 0)
  }

  private async run(): Promise<void> {
    if (this.sending) return
    this.sending = true
    this.pause += 1
    try {
      for (let save = this.saves[0]; save; save = this.saves[0]) {
        const result = await this.options.send(save)
        if (!this.settle(save, result)) return
      }
    } finally {
      this.sending = false
    }
  }

  /** Reports whether the next one can be sent. */
  private settle(save: Save, result: Result<Saved>): boolean {
    if (result.kind === 'away') {
      const pause = PAUSES[Math.min(this.failures, PAUSES.length - 1)] ?? 30_000
      this.failures += 1
      this.options.changed(this.saves.length, false)
      const mine = this.pause
      this.options.later(
        () => {
          if (mine === this.pause) void this.run()
        },
        Math.max(pause, result.waitSeconds * 1000),
      )
      return false
    }
    this.failures = 0
    this.keep(result.kind === 'gone' ? [] : this.saves.filter((s) => s.id !== save.id))
    this.options.answered(save, result)
    return result.kind !== 'gone'
  }
}

/** Saves kept while the page stands, and no longer: for a screen many people use. */
export function keptInMemory(): Kept {
  let saves: Save[] = []
  return {
    read: () => saves,
    write: (next) => {
      saves = next
    },
  }
}

/**
 * Saves kept by the phone until they are sent, under a name made of the token
 * that does not hold it. A storage that refuses is as good as memory.
 */
export function keptOnPhone(token: string, storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>): Kept {
  const name = `survey.${digest(token)}`
  let saves: Save[] = []
  try {
    const read: unknown = JSON.parse(storage.getItem(name) ?? '[]')
    if (Array.isArray(read)) saves = read.filter((s) => typeof s?.id === 'string')
  } catch {
    // Unreadable: nothing waits.
  }
  return {
    read: () => saves,
    write(next) {
      saves = next
      try {
        if (next.length === 0) storage.removeItem(name)
        else storage.setItem(name, JSON.stringify(next))
      } catch {
        // They wait in memory.
      }
    },
  }
}

/** 64 bits of FNV-1a as 16 hexadecimal digits. */
export function digest(text: string): string {
  let h = 0xcbf29ce484222325n
  for (const sign of text) h = BigInt.asUintN(64, (h ^ BigInt(sign.codePointAt(0) ?? 0)) * 0x100000001b3n)
  return h.toString(16).padStart(16, '0')
}
