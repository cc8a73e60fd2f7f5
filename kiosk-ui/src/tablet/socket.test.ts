import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { welcome } from './fixtures'
import { comeBackAfter, Link, type LinkOptions, SIGN_TRIES, SILENCE_MILLIS, type Wire } from './socket'

describe('when to come back', () => {
  it.each([
    [4401, null, null],
    [4403, null, null],
    [4409, null, null],
    [4400, 30_000, 35_000],
    [4429, 30_000, 35_000],
    [4408, 0, 200],
    [1001, 200, 2_000],
    [1006, 250, 500],
  ])('close %d', (code, least, most) => {
    expect(comeBackAfter(code, 1, 0)).toBe(least)
    expect(comeBackAfter(code, 1, 1)).toBe(most)
  })

  it('backs off to half a minute', () => {
    expect([1, 2, 3, 6, 7, 100].map((n) => comeBackAfter(1006, n, 1))).toEqual([
      500, 1_000, 2_000, 16_000, 30_000, 30_000,
    ])
  })
})

class FakeWire implements Wire {
  readyState = 1
  sent: Record<string, unknown>[] = []
  closed = false
  onmessage: Wire['onmessage'] = null
  onclose: Wire['onclose'] = null
  onerror: Wire['onerror'] = null
  send(text: string) {
    this.sent.push(JSON.parse(text))
  }
  close() {
    this.closed = true
  }
  async say(frame: unknown) {
    this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) })
    await vi.advanceTimersByTimeAsync(0)
  }
  end(code: number) {
    this.onclose?.({ code })
  }
}

function linked(change: Partial<LinkOptions> = {}) {
  const wires: FakeWire[] = []
  const heard: string[] = []
  const link = new Link({
    open: () => {
      const wire = new FakeWire()
      wires.push(wire)
      return wire
    },
    deviceId: 'd',
    sign: async (nonce) => `signed ${nonce}`,
    about: () => ({ instance: 'i', language: 'zh', queued: 2, queue_ok: true, ui_version: 'v' }),
    now: () => Date.now(),
    random: () => 1,
    onWelcome: (_, offset) => heard.push(`welcome ${offset}`),
    onFrame: (frame) => heard.push(frame.type),
    onDown: (code) => heard.push(`down ${code}`),
    onStop: (reason) => heard.push(`stop ${reason}`),
    ...change,
  })
  link.start()
  const last = () => wires.at(-1) as FakeWire
  return { link, wires, heard, last }
}

const challenge = { type: 'challenge', nonce: 'n', server_time: '2026-11-21T02:00:00.000Z' }

describe('a line that died silently', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('is given up after a minute without a frame, and kept while heartbeats come', async () => {
    const { link, wires } = linked()
    link.start()
    await wires[0]?.say({ type: 'challenge', nonce: 'n', server_time: '2026-11-20T04:00:00.000Z' })
    await wires[0]?.say(welcome)
    for (let minute = 0; minute < 3; minute++) {
      await vi.advanceTimersByTimeAsync(SILENCE_MILLIS - 1)
      await wires[0]?.say({ type: 'heartbeat' })
    }
    expect(wires).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(SILENCE_MILLIS + 1)
    expect(wires).toHaveLength(2)
    expect(wires[0]?.closed).toBe(true)
    link.stop()
  })
})

describe('a link', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.parse('2026-11-21T01:59:00.000Z') })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('answers the challenge and measures the clocks', async () => {
    const { link, heard, last } = linked()
    await last().say(challenge)
    expect(last().sent).toEqual([
      {
        type: 'hello',
        device_id: 'd',
        signature: 'signed n',
        client_time: '2026-11-21T01:59:00.000Z',
        instance: 'i',
        language: 'zh',
        queued: 2,
        queue_ok: true,
        ui_version: 'v',
      },
    ])
    expect(link.up).toBe(false)
    await last().say(welcome)
    expect([link.up, heard]).toEqual([true, ['welcome 60000']])
  })

  it('sends only when welcomed', async () => {
    const { link, last } = linked()
    expect(link.send({ type: 'status', queued: 0, queue_ok: true })).toBe(false)
    await last().say(challenge)
    await last().say(welcome)
    expect(link.send({ type: 'status', queued: 0, queue_ok: true })).toBe(true)
    last().readyState = 2
    expect(link.send({ type: 'status', queued: 0, queue_ok: true })).toBe(false)
  })

  it('ignores frames it does not know, what is not JSON, and anything before the welcome', async () => {
    const { heard, last } = linked()
    await last().say('<html>login</html>')
    await last().say('null')
    await last().say({ type: 'ack', id: 'x', outcome: 'stored' })
    expect(heard).toEqual([])
  })

  it('stays offline behind a captive portal, trying again', async () => {
    const { wires, heard } = linked()
    for (let n = 0; n < 5; n++) {
      wires.at(-1)?.end(1006)
      await vi.advanceTimersByTimeAsync(8_000)
    }
    expect(wires.length).toBe(6)
    expect(heard.every((h) => h === 'down 1006')).toBe(true)
  })

  it('gives up a connection that never welcomes', async () => {
    const { wires } = linked()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(wires[0]?.closed).toBe(true)
    await vi.advanceTimersByTimeAsync(500)
    expect(wires.length).toBe(2)
  })

  it('stops when its key will not sign any more, not at the first failure', async () => {
    const { last, wires, heard } = linked({ sign: () => Promise.reject(new Error('gone')) })
    for (let tries = 1; tries <= SIGN_TRIES; tries++) {
      expect(heard.filter((h) => h.startsWith('stop'))).toEqual([])
      await last().say({ type: 'challenge', nonce: 'n', server_time: '2026-11-21T02:00:00.000Z' })
      await vi.advanceTimersByTimeAsync(30_000 / 4)
    }
    expect(heard.filter((h) => h.startsWith('stop'))).toEqual(['stop lost_key'])
    await vi.advanceTimersByTimeAsync(120_000)
    expect(wires.length).toBe(SIGN_TRIES)
  })

  it.each([
    [4401, 'not_enrolled'],
    [4403, 'revoked'],
    [4409, 'shared_key'],
  ])('stops for good after %d', async (code, reason) => {
    const { wires, heard, last } = linked()
    last().end(code)
    await vi.advanceTimersByTimeAsync(600_000)
    expect(wires.length).toBe(1)
    expect(heard).toEqual([`down ${code}`, `stop ${reason}`])
  })

  it('hears nothing more of a connection it gave up', async () => {
    const { link, wires, heard } = linked()
    await wires[0]?.say(challenge)
    await wires[0]?.say(welcome)
    link.reconnect()
    await vi.advanceTimersByTimeAsync(0)
    await wires[0]?.say({ type: 'ack', id: 'x', outcome: 'stored' })
    wires[0]?.end(4409)
    expect(heard).toEqual(['welcome 60000', 'down 1006'])
    expect(wires.length).toBe(2)
  })
})
