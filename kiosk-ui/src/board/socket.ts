import { CLOSE, type Delta, type Period, type Snapshot } from '../shared/wire'
import { afterClose, type Stop } from './closing'

/** What the board says when challenged: made anew for every connection. */
export type Proof = { kind: 'ticket'; ticket: string } | { kind: 'device'; hello: (nonce: string) => Promise<object> }

/** Thrown by `proof` when trying again cannot help. */
export class Refused extends Error {
  constructor(readonly stop: Stop) {
    super(stop)
  }
}

export type LinkState =
  | { at: 'connecting' }
  | { at: 'live' }
  | { at: 'waiting'; retryAt: number }
  | { at: 'stopped'; why: Stop }

export interface LinkOptions {
  url: string
  proof: () => Promise<Proof>
  onFrame: (frame: Snapshot | Delta) => void
  onState: (state: LinkState) => void
  /** The server's clock less this screen's, in milliseconds. */
  onOffset: (ms: number) => void
  open?: (url: string) => WebSocket
  random?: () => number
}

/** Silence after which the board asks again, to learn whether the line still stands. */
export const QUIET_MS = 45_000
/** How long it then waits for the answer before it gives the line up. */
export const ANSWER_MS = 15_000

/**
 * Keeps one board connected: proves itself, subscribes, hands frames on and
 * comes back as the close codes say. It holds no figures.
 */
export class Link {
  private socket: WebSocket | null = null
  private timer: ReturnType<typeof setTimeout> | undefined
  private watch: ReturnType<typeof setTimeout> | undefined
  private failures = 0
  private generation = 0
  private subscribed = false

  constructor(
    private readonly options: LinkOptions,
    private period: Period,
  ) {}

  start(): void {
    this.stop()
    void this.connect()
  }

  /** Ends the connection and every timer. */
  stop(): void {
    this.generation++
    clearTimeout(this.timer)
    clearTimeout(this.watch)
    this.subscribed = false
    const socket = this.socket
    this.socket = null
    socket?.close(1000)
  }

  /** Comes back now instead of when the wait is over. */
  hurry(): void {
    if (this.socket === null) this.start()
  }

  setPeriod(period: Period): void {
    this.period = period
    this.subscribe()
  }

  /** Asks for a snapshot: at the start, for another period, after a gap. */
  subscribe(): void {
    if (!this.subscribed) return
    this.send({ type: 'subscribe', period: this.period })
    this.listen(ANSWER_MS, () => this.socket?.close(4000))
  }

  private async connect(): Promise<void> {
    const generation = ++this.generation
    this.options.onState({ at: 'connecting' })
    let proof: Proof
    try {
      proof = await this.options.proof()
    } catch (error) {
      if (generation !== this.generation) return
      if (error instanceof Refused) this.options.onState({ at: 'stopped', why: error.stop })
      else this.comeBack(CLOSE_NONE)
      return
    }
    if (generation !== this.generation) return
    const socket = (this.options.open ?? ((url) => new WebSocket(url)))(this.options.url)
    this.socket = socket
    socket.onmessage = (event) => {
      if (generation === this.generation) void this.receive(String(event.data), proof, generation)
    }
    socket.onclose = (event) => {
      if (generation === this.generation) this.comeBack(closeCode(event.code, proof))
    }
    this.listen(ANSWER_MS, () => socket.close(4000))
  }

  private async receive(data: string, proof: Proof, generation: number): Promise<void> {
    const frame = parse(data)
    switch (frame?.type) {
      case 'challenge':
        this.options.onOffset(offset(frame.server_time))
        if (proof.kind === 'ticket') {
          this.send({ type: 'ticket', ticket: proof.ticket })
          this.ready()
        } else {
          const hello = await proof.hello(String(frame.nonce))
          if (generation === this.generation) this.send(hello)
        }
        return
      case 'welcome':
        this.ready()
        return
      case 'snapshot':
        this.failures = 0
        this.options.onState({ at: 'live' })
    }
    if (frame?.type !== 'snapshot' && frame?.type !== 'delta') return
    this.listen(QUIET_MS, () => this.subscribe())
    this.options.onFrame(frame as unknown as Snapshot | Delta)
  }

  private ready(): void {
    this.subscribed = true
    this.subscribe()
  }

  private comeBack(code: number): void {
    this.generation++
    this.socket = null
    this.subscribed = false
    clearTimeout(this.watch)
    const next = afterClose(code, this.failures, (this.options.random ?? Math.random)())
    if ('stop' in next) {
      this.options.onState({ at: 'stopped', why: next.stop })
      return
    }
    this.failures++
    this.options.onState({ at: 'waiting', retryAt: Date.now() + next.delayMs })
    this.timer = setTimeout(() => void this.connect(), next.delayMs)
  }

  private listen(ms: number, silent: () => void): void {
    clearTimeout(this.watch)
    this.watch = setTimeout(silent, ms)
  }

  private send(frame: object): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(frame))
  }
}

/** No connection was made, so none was closed. */
const CLOSE_NONE = 0

/**
 * A refused device stops; a refused ticket may only have been late, and asking
 * for the next one tells whether there is still a session.
 */
function closeCode(code: number, proof: Proof): number {
  const refused = code === CLOSE.notEnrolled || code === CLOSE.revoked
  return proof.kind === 'ticket' && refused ? CLOSE_NONE : code
}

function parse(data: string): Record<string, unknown> | null {
  try {
    const frame: unknown = JSON.parse(data)
    return typeof frame === 'object' && frame !== null ? (frame as Record<string, unknown>) : null
  } catch {
    return null
  }
}

function offset(serverTime: unknown): number {
  const at = new Date(String(serverTime)).getTime()
  return Number.isNaN(at) ? 0 : at - Date.now()
}
