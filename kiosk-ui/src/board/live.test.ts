import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createLive } from './live'
import { shown, unit } from './testing'

class FakeSocket {
  static last: FakeSocket
  readyState = 1
  sent: Record<string, unknown>[] = []
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: (() => void) | null = null
  constructor() {
    FakeSocket.last = this
  }
  send(data: string): void {
    this.sent.push(JSON.parse(data))
  }
  close(): void {}
  says(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }
}

const frame = (more: object) => ({
  as_of: '2026-11-21T02:42:00.000Z',
  behind: false,
  epoch: 'e1',
  hospital: unit('hospital', shown(90, 100)),
  ...more,
})
const snapshot = (offset: number) =>
  frame({ type: 'snapshot', offset, period: 'today', audience: 'office', departments: [] })

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', FakeSocket)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

it('asks once for a new snapshot after a gap, and follows on from it', async () => {
  const live = createLive('ws://board', () => {})
  live.start(async () => ({ kind: 'ticket', ticket: 't' }))
  await vi.advanceTimersByTimeAsync(0)
  const socket = FakeSocket.last
  socket.says({ type: 'challenge', nonce: 'n', server_time: '2026-11-21T02:42:00.000Z' })
  socket.says(snapshot(10))
  const subscriptions = () => socket.sent.filter((f) => f.type === 'subscribe').length
  expect(subscriptions()).toBe(1)

  socket.says(frame({ type: 'delta', previous: 11, offset: 12 }))
  socket.says(frame({ type: 'delta', previous: 12, offset: 13 }))
  expect(subscriptions()).toBe(2)
  expect(live.board.value?.offset).toBe(10)

  socket.says(snapshot(13))
  socket.says(frame({ type: 'delta', previous: 13, offset: 14 }))
  expect(live.board.value?.offset).toBe(14)
  expect(subscriptions()).toBe(2)
  live.stop()
})
