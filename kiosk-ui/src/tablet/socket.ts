import { CLOSE, type DeviceFrame, type Language, type TabletServerFrame, type Welcome } from '../shared/wire'
import { clockOffset, wireTime } from './clock'

/** A connection without a welcome by then is given up. */
export const WELCOME_MILLIS = 10_000

/** A line on which nothing came for so long is dead: a heartbeat comes every 25 s. */
export const SILENCE_MILLIS = 60_000

const OPEN = 1

/** A key that failed to sign so many times in a row will not sign any more. */
export const SIGN_TRIES = 3

export type StopReason = 'not_enrolled' | 'revoked' | 'shared_key' | 'lost_key'

/**
 * How long to stay away after a close, in milliseconds; null: for good. A restart
 * of the gateway spreads its tablets over two seconds, failures back off to half
 * a minute, each with chance in it.
 */
export function comeBackAfter(code: number, failures: number, random: number): number | null {
  switch (code) {
    case CLOSE.notEnrolled:
    case CLOSE.revoked:
    case CLOSE.sharedKey:
      return null
    case CLOSE.badFrame:
    case CLOSE.tooMany:
      return 30_000 + random * 5_000
    case CLOSE.tooSlow:
      return random * 200
    case CLOSE.goingAway:
      if (failures <= 1) return 200 + random * 1_800
  }
  const step = Math.min(500 * 2 ** Math.max(failures - 1, 0), 30_000)
  return step / 2 + (random * step) / 2
}

const STOPS: Record<number, StopReason> = {
  [CLOSE.notEnrolled]: 'not_enrolled',
  [CLOSE.revoked]: 'revoked',
  [CLOSE.sharedKey]: 'shared_key',
}

/** What a link needs of a WebSocket. */
export interface Wire {
  /** 1 while frames can be sent. */
  readonly readyState: number
  send(text: string): void
  close(code?: number): void
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number }) => void) | null
  onerror: ((event: unknown) => void) | null
}

export interface LinkOptions {
  open: () => Wire
  deviceId: string
  sign: (nonce: string) => Promise<string>
  /** What the hello tells of this page. */
  about: () => { instance: string; language: Language; queued: number; queue_ok: boolean; ui_version: string }
  now: () => number
  random: () => number
  /** The server said welcome; offset is how far its clock is ahead. From here on `send` reaches it. */
  onWelcome: (welcome: Welcome, offset: number) => void
  onFrame: (frame: TabletServerFrame) => void
  /** The connection is gone, with its close code; the link comes back by itself unless it stopped. */
  onDown: (code: number) => void
  onStop: (reason: StopReason) => void
}

/**
 * One device's connection to the gateway: answers the challenge, reports the
 * welcome, and comes back by itself. Whatever is not a websocket speaking the
 * protocol (a captive portal's page, a proxy's error) leaves it offline.
 */
export class Link {
  private wire: Wire | null = null
  private welcomed = false
  private failures = 0
  private unsigned = 0
  private stopped = true
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly options: LinkOptions) {}

  get up(): boolean {
    return this.welcomed
  }

  start(): void {
    if (!this.stopped) return
    this.stopped = false
    this.connect()
  }

  /** Ends for good (until start). */
  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
    this.drop(1000)
  }

  /** Gives the present connection up and tries again, at once when nothing failed before. */
  reconnect(): void {
    if (this.stopped) return
    clearTimeout(this.timer)
    this.drop(1006)
    this.timer = setTimeout(() => this.connect(), 0)
  }

  /** Sends when welcomed; otherwise nothing. Says whether it was handed over. */
  send(frame: DeviceFrame): boolean {
    if (!this.welcomed || this.wire?.readyState !== OPEN) return false
    this.wire.send(JSON.stringify(frame))
    return true
  }

  private connect(): void {
    clearTimeout(this.timer)
    let wire: Wire
    try {
      wire = this.options.open()
    } catch {
      this.later(1006)
      return
    }
    this.wire = wire
    wire.onmessage = (event) => void this.receive(wire, event.data)
    wire.onerror = () => {}
    wire.onclose = (event) => {
      if (this.wire === wire) this.closed(event.code)
    }
    this.timer = setTimeout(() => this.giveUp(wire), WELCOME_MILLIS)
  }

  private giveUp(wire: Wire): void {
    if (this.wire !== wire || this.welcomed) return
    this.drop(1006)
    this.later(1006)
  }

  private async receive(wire: Wire, data: unknown): Promise<void> {
    const frame = parse(data)
    if (!frame || this.wire !== wire) return
    if (this.welcomed) this.listen()
    if (frame.type === 'challenge') {
      await this.hello(wire, frame.nonce)
    } else if (frame.type === 'welcome') {
      clearTimeout(this.timer)
      this.welcomed = true
      this.failures = 0
      this.listen()
      this.options.onWelcome(frame, clockOffset(frame.server_time, this.sentAt, this.options.now()) ?? 0)
    } else if (this.welcomed) {
      this.options.onFrame(frame)
    }
  }

  /** Begins anew to wait for a sign of life. */
  private listen(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.reconnect(), SILENCE_MILLIS)
  }

  private sentAt = 0

  private async hello(wire: Wire, nonce: string): Promise<void> {
    let signature: string
    try {
      signature = await this.options.sign(nonce)
      this.unsigned = 0
    } catch {
      this.cannotSign(wire)
      return
    }
    if (this.wire !== wire) return
    this.sentAt = this.options.now()
    const frame: DeviceFrame = {
      type: 'hello',
      device_id: this.options.deviceId,
      signature,
      client_time: wireTime(this.sentAt),
      ...this.options.about(),
    }
    wire.send(JSON.stringify(frame))
  }

  private cannotSign(wire: Wire): void {
    if (this.wire !== wire) return
    this.unsigned++
    if (this.unsigned < SIGN_TRIES) {
      this.giveUp(wire)
      return
    }
    this.unsigned = 0
    this.stop()
    this.options.onStop('lost_key')
  }

  private closed(code: number): void {
    clearTimeout(this.timer)
    this.wire = null
    this.down(code)
    const reason = STOPS[code]
    if (reason) {
      this.stopped = true
      this.options.onStop(reason)
    } else if (!this.stopped) {
      this.later(code)
    }
  }

  private drop(code: number): void {
    const wire = this.wire
    this.wire = null
    wire?.close()
    this.down(code)
  }

  private down(code: number): void {
    this.welcomed = false
    this.options.onDown(code)
  }

  private later(code: number): void {
    this.failures++
    const after = comeBackAfter(code, this.failures, this.options.random())
    if (after !== null) this.timer = setTimeout(() => this.connect(), after)
  }
}

function parse(data: unknown): TabletServerFrame | null {
  if (typeof data !== 'string') return null
  try {
    const frame = JSON.parse(data) as { type?: unknown }
    return frame !== null && typeof frame === 'object' && typeof frame.type === 'string'
      ? (frame as TabletServerFrame)
      : null
  } catch {
    return null
  }
}
