import { afterEach, expect, it, vi } from 'vitest'
import { boardUrl, ticketProof } from './access'
import { Refused } from './socket'

afterEach(() => {
  vi.unstubAllGlobals()
})

it.each([
  [401, 'sign_in'],
  [403, 'forbidden'],
] as const)('a ticket refused with %i stops the board: %s', async (status, stop) => {
  vi.stubGlobal('fetch', async () => new Response('{}', { status }))
  await expect(ticketProof()).rejects.toEqual(new Refused(stop))
})

it('a gateway in trouble is asked again: no refusal', async () => {
  vi.stubGlobal('fetch', async () => new Response('{}', { status: 503 }))
  await expect(ticketProof()).rejects.not.toBeInstanceOf(Refused)
})

it('connects over TLS when the page came over TLS', () => {
  expect(boardUrl({ protocol: 'https:', host: 'h.example' })).toBe('wss://h.example/ws/board')
  expect(boardUrl({ protocol: 'http:', host: '127.0.0.1:8080' })).toBe('ws://127.0.0.1:8080/ws/board')
})
