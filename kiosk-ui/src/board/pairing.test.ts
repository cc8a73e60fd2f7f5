import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { signedText } from './identity'
import { type PairingState, POLL_MS, pair, readable } from './pairing'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const json = (body: object, status = 200) => new Response(JSON.stringify(body), { status })

it('shows a code, renews it when it expires, and ends with the approved device', async () => {
  let enrolments = 0
  const answers = ['waiting', 'expired', 'waiting', 'approved']
  const asked: { url: string; init: RequestInit | undefined }[] = []
  vi.stubGlobal('fetch', async (url: string, init?: RequestInit) => {
    asked.push({ url, init })
    if (init?.method === 'POST') {
      enrolments++
      return json({ enrolment_id: `e${enrolments}`, secret: `s${enrolments}`, code: `K7PM3XQ${enrolments}` }, 201)
    }
    const state = answers.shift()
    return json(state === 'approved' ? { state, device_id: 'device-9' } : { state })
  })
  const shown: PairingState[] = []
  const paired = pair((state) => shown.push(state), new AbortController().signal)
  await vi.waitFor(async () => {
    await vi.advanceTimersByTimeAsync(POLL_MS)
    expect(answers).toEqual([])
  })
  const identity = await paired
  expect(identity.deviceId).toBe('device-9')
  expect(identity.privateKey.extractable).toBe(false)
  expect(shown).toEqual([{ at: 'asking' }, { at: 'code', code: 'K7PM3XQ1' }, { at: 'code', code: 'K7PM3XQ2' }])
  const body = JSON.parse(String(asked[0]?.init?.body))
  expect(body.kind).toBe('wall_board')
  expect(body.public_key).toMatch(/^[A-Za-z0-9_-]{87}$/)
  expect(asked.at(-1)?.init?.headers).toEqual({ Authorization: 'Bearer s2' })
})

it('says so while the gateway cannot be reached, and ends when aborted', async () => {
  vi.stubGlobal('fetch', async () => {
    throw new TypeError('failed to fetch')
  })
  const abort = new AbortController()
  const shown: PairingState[] = []
  const paired = pair((state) => shown.push(state), abort.signal)
  const ended = expect(paired).rejects.toBeDefined()
  await vi.waitFor(() => expect(shown.at(-1)).toEqual({ at: 'unreachable' }))
  abort.abort()
  await ended
})

it('writes codes in two halves and signs what the gateway expects', () => {
  expect(readable('K7PM3XQ2')).toBe('K7PM-3XQ2')
  expect(signedText('https://h.example', 'd1', 'n1')).toBe('qingfeng device v1\nhttps://h.example\nd1\nn1')
})
