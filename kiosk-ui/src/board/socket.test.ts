import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ANSWER_MS, Link, type LinkState, type Proof, QUIET_MS, Refused } from './socket'

/** A socket the test plays the gateway's side of. */
class FakeSocket {
  readyState = 1
  sent: Record<string, unknown>[] = []
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  send(data: string): void {
    this.sent.push(JSON.parse(data))
  }
  close(code = 1005): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.onclose?.({ code })
  }
  async says(frame: unknown): Promise<void> {
    this.onmessage?.({ data: JSON.stringify(frame) })
    await vi.advanceTimersByTimeAsync(0)
  }
}

const challenge = { type: 'challenge', nonce: 'abc', server_time: '2026-11-21T02:42:05.000Z' }
const snapshot = { type: 'snapshot', epoch: 'e', offset: 1, period: 'today' }

function set(proof: () => Promise<Proof> = async () => ({ kind: 'ticket', ticket: 't1' })) {
  const sockets: FakeSocket[] = []
  const states: LinkState[] = []
  const frames: unknown[] = []
  const offsets: number[] = []
  const link = new Link(
    {
      url: 'ws://board',
      proof,
      onFrame: (frame) => frames.push(frame),
      onState: (state) => states.push(state),
      onOffset: (ms) => offsets.push(ms),
      random: () => 1,
      open: () => {
        const socket = new FakeSocket()
        sockets.push(socket)
        return socket as unknown as WebSocket
      },
    },
    'today',
  )
  const last = () => {
    const socket = sockets.at(-1)
    if (!socket) throw new Error('no socket was opened')
    return socket
  }
  const live = async () => {
    link.start()
    await vi.advanceTimersByTimeAsync(0)
    await last().says(challenge)
    await last().says(snapshot)
  }
  return { link, sockets, states, frames, offsets, last, live }
}

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-11-21T02:42:00.000Z') })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('Link', () => {
  it('answers the challenge with a ticket, subscribes and is live with the snapshot', async () => {
    const { live, last, states, frames, offsets } = set()
    await live()
    expect(last().sent).toEqual([
      { type: 'ticket', ticket: 't1' },
      { type: 'subscribe', period: 'today' },
    ])
    expect(states.map((s) => s.at)).toEqual(['connecting', 'live'])
    expect(frames).toEqual([snapshot])
    expect(offsets).toEqual([5000])
  })

  it('lets a device sign and waits for its welcome before it subscribes', async () => {
    const { link, last } = set(async () => ({
      kind: 'device',
      hello: async (nonce) => ({ type: 'hello', signed: nonce }),
    }))
    link.start()
    await vi.advanceTimersByTimeAsync(0)
    await last().says(challenge)
    expect(last().sent).toEqual([{ type: 'hello', signed: 'abc' }])
    await last().says({ type: 'welcome' })
    expect(last().sent.at(-1)).toEqual({ type: 'subscribe', period: 'today' })
  })

  it('comes back at once with a new ticket when it was too slow', async () => {
    let n = 0
    const { live, last, sockets } = set(async () => ({ kind: 'ticket', ticket: `t${++n}` }))
    await live()
    last().close(4408)
    await vi.advanceTimersByTimeAsync(0)
    expect(sockets).toHaveLength(2)
    await last().says(challenge)
    expect(last().sent[0]).toEqual({ type: 'ticket', ticket: 't2' })
  })

  it('waits longer with every failure and starts over after a snapshot', async () => {
    const { live, last, sockets } = set()
    await live()
    last().close(1006)
    await vi.advanceTimersByTimeAsync(499)
    expect(sockets).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(sockets).toHaveLength(2)
    last().close(1006)
    await vi.advanceTimersByTimeAsync(999)
    expect(sockets).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(sockets).toHaveLength(3)
    await last().says(challenge)
    await last().says(snapshot)
    last().close(1006)
    await vi.advanceTimersByTimeAsync(500)
    expect(sockets).toHaveLength(4)
  })

  it.each([
    [4401, 'not_enrolled'],
    [4403, 'revoked'],
    [4409, 'shared_key'],
  ])('stops a device for good at %i', async (code, why) => {
    const { link, last, states, sockets } = set(async () => ({
      kind: 'device',
      hello: async () => ({ type: 'hello' }),
    }))
    link.start()
    await vi.advanceTimersByTimeAsync(0)
    await last().says(challenge)
    last().close(code)
    await vi.advanceTimersByTimeAsync(120_000)
    expect(states.at(-1)).toEqual({ at: 'stopped', why })
    expect(sockets).toHaveLength(1)
  })

  it.each([4401, 4403])('asks for another ticket when one is refused with %i', async (code) => {
    let session = true
    const { live, last, states, sockets } = set(async () => {
      if (!session) throw new Refused('sign_in')
      return { kind: 'ticket', ticket: 't' }
    })
    await live()
    last().close(code)
    await vi.advanceTimersByTimeAsync(500)
    expect(sockets).toHaveLength(2)
    session = false
    last().close(code)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(states.at(-1)).toEqual({ at: 'stopped', why: 'sign_in' })
    expect(sockets).toHaveLength(2)
  })

  it('stops when there is no session, tries again when the gateway is not there', async () => {
    const refused = set(() => Promise.reject(new Refused('sign_in')))
    refused.link.start()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(refused.states.at(-1)).toEqual({ at: 'stopped', why: 'sign_in' })

    let tries = 0
    const away = set(() => {
      tries++
      return Promise.reject(new TypeError('failed to fetch'))
    })
    away.link.start()
    await vi.advanceTimersByTimeAsync(2_000)
    expect(tries).toBeGreaterThan(1)
    expect(away.states.at(-1)?.at).toBe('waiting')
    away.link.stop()
  })

  it('asks again after a silence and gives a dead line up', async () => {
    const { live, last, sockets, states } = set()
    await live()
    const first = last()
    await vi.advanceTimersByTimeAsync(QUIET_MS)
    expect(first.sent.filter((f) => f.type === 'subscribe')).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(ANSWER_MS)
    expect(states.at(-1)?.at).toBe('waiting')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(sockets).toHaveLength(2)
  })

  it('subscribes to another period on the same line', async () => {
    const { live, link, last, sockets } = set()
    await live()
    link.setPeriod('7d')
    expect(last().sent.at(-1)).toEqual({ type: 'subscribe', period: '7d' })
    expect(sockets).toHaveLength(1)
  })

  it('ignores frames it does not know and what is not JSON', async () => {
    const { live, last, frames } = set()
    await live()
    await last().says({ type: 'confetti' })
    last().onmessage?.({ data: '{' })
    await vi.advanceTimersByTimeAsync(0)
    expect(frames).toEqual([snapshot])
  })

  it('does nothing more once stopped', async () => {
    const { live, link, last, sockets, states } = set()
    await live()
    link.stop()
    const before = states.length
    last().onclose?.({ code: 1006 })
    await vi.advanceTimersByTimeAsync(120_000)
    expect([sockets.length, states.length]).toEqual([1, before])
  })
})
