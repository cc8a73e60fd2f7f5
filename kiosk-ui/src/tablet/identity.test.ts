import { expect, it } from 'vitest'
import type { MetaStore } from './database'
import { challengeText, forgetIdentity, loadOrCreateKeys, publicPoint, signChallenge } from './identity'

function memoryMeta(): MetaStore & { values: Map<string, unknown> } {
  const values = new Map<string, unknown>()
  return {
    values,
    async get<T>(key: string) {
      return values.get(key) as T | undefined
    },
    async set(key, value) {
      values.set(key, value)
    },
    async remove(key) {
      values.delete(key)
    },
  }
}

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'base64url'))

it('makes one key pair whose private half stays', async () => {
  const meta = memoryMeta()
  const keys = await loadOrCreateKeys(meta)
  expect(keys.privateKey.extractable).toBe(false)
  expect(await loadOrCreateKeys(meta)).toBe(keys)
  const point = bytes(await publicPoint(keys))
  expect([point.length, point[0]]).toEqual([65, 4])
})

it('signs the challenge so that the public point verifies it', async () => {
  const keys = await loadOrCreateKeys(memoryMeta())
  const signature = bytes(await signChallenge(keys, 'https://h.example', 'dev', 'nonce'))
  expect(signature.length).toBe(64)
  const point = bytes(await publicPoint(keys))
  const key = await crypto.subtle.importKey('raw', point, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify'])
  const verify = (text: string) =>
    crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, signature, new TextEncoder().encode(text))
  expect(await verify('qingfeng device v1\nhttps://h.example\ndev\nnonce')).toBe(true)
  expect(await verify(challengeText('https://h.example', 'dev', 'other'))).toBe(false)
})

it('forgets who it was, and nothing else', async () => {
  const meta = memoryMeta()
  for (const key of ['device_id', 'keys', 'enrolment', 'welcome', 'probe']) await meta.set(key, 1)
  await forgetIdentity(meta)
  expect([...meta.values.keys()]).toEqual(['probe'])
})
