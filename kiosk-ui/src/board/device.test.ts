import { afterEach, expect, it, vi } from 'vitest'
import type { MetaStore } from '../tablet/database'
import { boardDevice, hello, type PairingState } from './device'

function memory(): MetaStore {
  const kept = new Map<string, unknown>()
  return {
    get: async <T>(key: string) => kept.get(key) as T | undefined,
    set: async (key, value) => void kept.set(key, value),
    remove: async (key) => void kept.delete(key),
  }
}

afterEach(() => {
  vi.unstubAllGlobals()
})

it('pairs as a wall board, is found again, signs, and forgets', async () => {
  const asked: { kind: string; public_key: string }[] = []
  vi.stubGlobal('fetch', async (_: string, init?: RequestInit) => {
    const created = init?.method === 'POST'
    if (created) asked.push(JSON.parse(String(init?.body)))
    const body = created
      ? { enrolment_id: 'e1', secret: 's', code: 'K7PM3XQ2', expires_at: new Date(Date.now() + 600_000).toISOString() }
      : { state: 'approved', device_id: 'device-9' }
    return new Response(JSON.stringify(body), {
      status: created ? 201 : 200,
      headers: { 'Content-Type': 'application/json' },
    })
  })
  const device = boardDevice(memory())
  expect(await device.find()).toBeNull()

  const shown: PairingState[] = []
  const identity = await device.pair((state) => shown.push(state), new AbortController().signal)
  expect(identity.deviceId).toBe('device-9')
  expect(identity.keys.privateKey.extractable).toBe(false)
  expect(shown).toEqual([{ at: 'asking' }, { at: 'code', code: 'K7PM3XQ2' }])
  expect(asked).toEqual([{ kind: 'wall_board', public_key: expect.stringMatching(/^[A-Za-z0-9_-]{87}$/) }])
  expect((await device.find())?.deviceId).toBe('device-9')

  const said = await hello(identity, 'n1', { origin: 'https://h.example', instance: 'i', language: 'zh' })
  const text = new TextEncoder().encode('qingfeng device v1\nhttps://h.example\ndevice-9\nn1')
  const signature = Uint8Array.from(atob(said.signature.replaceAll('-', '+').replaceAll('_', '/')), (c) =>
    c.charCodeAt(0),
  )
  const good = await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, identity.keys.publicKey, signature, text)
  expect(good).toBe(true)

  await device.forget()
  expect(await device.find()).toBeNull()
})
