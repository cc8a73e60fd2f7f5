import type { DeviceKind, Welcome } from '../shared/wire'
import type { MetaStore } from './database'
import { enrol } from './enrol'
import { forgetIdentity, loadOrCreateKeys, publicPoint, signChallenge } from './identity'
import type { FactQueue } from './queue'
import { Link, type StopReason, type Wire } from './socket'
import { type Tablet, withoutPrompt } from './tablet'

/** How often a broken disk is tried again. */
export const PROBE_MILLIS = 30_000
/** An ack that takes longer means a dead connection. */
export const ACK_MILLIS = 15_000
/** A page that was asleep this long does not trust its connection, in milliseconds. */
export const ASLEEP_MILLIS = 60_000

/** Not enrolled, and no code yet. */
const NO_CODE = { type: 'pairing', code: null, expiresAt: null, problem: null } as const

export interface BootOptions {
  tablet: Tablet
  queue: FactQueue
  meta: MetaStore
  kind: DeviceKind
  origin: string
  instance: string
  version: string
  open: () => Wire
  fetch: typeof fetch
  now: () => number
}

/**
 * The life of a device: enrolled or not, connected or not, stopped. Everything it
 * learns goes to the tablet as events.
 */
export class Device {
  private link: Link | null = null
  private lastTick: number
  private lastProbe: number
  private lastStatus = ''
  private loaded = false

  constructor(private readonly options: BootOptions) {
    this.lastTick = options.now()
    this.lastProbe = options.now()
  }

  /** Begins, and begins again after an enrolment ended. Resolves once a link runs; a disk that cannot be read is waited for. */
  async start(): Promise<void> {
    const { queue, meta, tablet } = this.options
    await queue.load()
    this.loaded = true
    tablet.dispatch({ type: 'queue_changed', ok: queue.ok })
    let deviceId = await this.untilReadable(() => meta.get<string>('device_id'))
    // The screen first: a key takes a slow tablet a while.
    if (deviceId) {
      const welcome = (await meta.get<Welcome>('welcome')) ?? null
      tablet.dispatch({ type: 'connecting', welcome, answered: tablet.answeredPrompts() })
    } else {
      tablet.dispatch(NO_CODE)
    }
    const keys = await this.untilReadable(() => loadOrCreateKeys(meta))
    if (!deviceId) {
      deviceId = await this.enrol(keys)
      tablet.dispatch({ type: 'connecting', welcome: null, answered: [] })
    }
    this.link = this.newLink(deviceId, keys)
    this.link.start()
  }

  /** Staff asked for another try on a tablet that is out of service. */
  async again(): Promise<void> {
    const { screen } = this.options.tablet.state
    this.link?.stop()
    if (screen.kind === 'out_of_service' && screen.reason === 'lost_key') {
      await this.untilReadable(() => forgetIdentity(this.options.meta))
    }
    this.options.tablet.dispatch({ type: 'connecting', welcome: null, answered: this.options.tablet.answeredPrompts() })
    await this.start()
  }

  /** The network came back, or went: the present connection is not worth waiting for. */
  networkChanged(): void {
    this.link?.reconnect()
  }

  /** Called with every tick: notices sleep, dead connections and a disk that may work again. */
  tick(): void {
    const { queue, tablet, now } = this.options
    if (!this.loaded) return
    const asleep = now() - this.lastTick > ASLEEP_MILLIS
    this.lastTick = now()
    if (this.link?.up && (asleep || queue.waitingMillis() > ACK_MILLIS)) this.link.reconnect()
    if (now() - this.lastProbe >= PROBE_MILLIS) {
      this.lastProbe = now()
      void queue.probe()
    }
    tablet.dispatch({ type: 'queue_changed', ok: queue.ok })
    this.tellStatus()
  }

  /** The server hears when the queue starts or stops taking facts. */
  private tellStatus(): void {
    const { queue } = this.options
    const status = String(queue.ok)
    if (status === this.lastStatus || !this.link?.up) return
    this.lastStatus = status
    this.link.send({ type: 'status', queued: queue.size, queue_ok: queue.ok })
  }

  private async enrol(keys: CryptoKeyPair): Promise<string> {
    const { tablet, meta, now, kind } = this.options
    return enrol({
      fetch: this.options.fetch,
      publicKey: await publicPoint(keys),
      kind,
      meta,
      now,
      report: (report) =>
        tablet.dispatch(
          report.type === 'code'
            ? { ...NO_CODE, code: report.code, expiresAt: now() + report.remainingMillis }
            : { ...NO_CODE, problem: report.problem },
        ),
    })
  }

  private newLink(deviceId: string, keys: CryptoKeyPair): Link {
    const { options } = this
    const { tablet, queue, meta } = options
    const link: Link = new Link({
      open: options.open,
      deviceId,
      sign: (nonce) => signChallenge(keys, options.origin, deviceId, nonce),
      about: () => ({
        instance: options.instance,
        language: tablet.state.prefs.language,
        queued: queue.size,
        queue_ok: queue.ok,
        ui_version: options.version,
      }),
      now: options.now,
      random: Math.random,
      onWelcome: (welcome, offset) => {
        this.lastStatus = String(queue.ok)
        void meta.set('welcome', withoutPrompt(welcome)).catch(() => {})
        tablet.welcomed(welcome, offset)
        queue.connect((fact) => link.send(fact))
      },
      onFrame: (frame) => tablet.received(frame),
      onDown: (code) => {
        if (code === 1009) queue.tooBig()
        queue.disconnect()
        tablet.dispatch({ type: 'link_lost' })
      },
      onStop: (reason) => void this.stopped(reason),
    })
    return link
  }

  private async stopped(reason: StopReason): Promise<void> {
    const { tablet, meta } = this.options
    if (reason === 'shared_key' || reason === 'lost_key') {
      tablet.dispatch({ type: 'stopped', reason })
      return
    }
    if (reason === 'revoked') tablet.dispatch({ type: 'stopped', reason })
    await this.untilReadable(() => forgetIdentity(meta))
    if (reason === 'not_enrolled') await this.start()
  }

  private async untilReadable<T>(read: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await read()
      } catch {
        this.options.tablet.dispatch({ type: 'queue_changed', ok: false })
        await new Promise((resolve) => setTimeout(resolve, PROBE_MILLIS))
      }
    }
  }
}
