import { describe, expect, it, vi } from 'vitest'
import { ApiError, createApi, listOf, OfflineError } from './api'

const answer = (status: number, body?: unknown, headers: Record<string, string> = {}) =>
  new Response(body === undefined ? null : JSON.stringify(body), { status, headers })

describe('a request', () => {
  it('sends JSON to the own origin and gives back what was answered', async () => {
    const fetch = vi.fn().mockResolvedValue(answer(200, { id: 3 }))
    const got = await createApi({ fetch }).post('/api/v1/tokens', { label: 'HIS' })
    expect(got).toEqual({ id: 3 })
    const [path, init] = fetch.mock.calls[0] as [string, RequestInit]
    expect(path).toBe('/api/v1/tokens')
    expect(init).toMatchObject({ method: 'POST', credentials: 'same-origin', body: '{"label":"HIS"}' })
    expect(init.headers).toMatchObject({ 'Content-Type': 'application/json' })
  })

  it('gives nothing for 204', async () => {
    expect(await createApi({ fetch: vi.fn().mockResolvedValue(answer(204)) }).delete('/x')).toBeUndefined()
  })

  it.each([
    ['the gateway’s own words', answer(409, { code: 'last_administrator', message: 'm' }), 'last_administrator', 0, ''],
    ['a wait in the body', answer(429, { code: 'locked_out', retry_after_seconds: 840 }), 'locked_out', 840, ''],
    ['a wait in the header', answer(429, {}, { 'Retry-After': '7' }), 'http_429', 7, ''],
    ['the number for the log', answer(500, { code: 'internal', request_id: '7f3a' }), 'internal', 0, '7f3a'],
    ['a proxy’s page', new Response('<html>', { status: 502 }), 'http_502', 0, ''],
  ])('turns %s into an ApiError', async (_, response, code, wait, id) => {
    const failed = createApi({ fetch: vi.fn().mockResolvedValue(response) }).get('/x')
    await expect(failed).rejects.toMatchObject({ name: 'ApiError', code, retryAfterSeconds: wait, requestId: id })
  })

  it('tells no network from no answer in time', async () => {
    const cut = createApi({ fetch: vi.fn().mockRejectedValue(new TypeError('cut')) })
    await expect(cut.get('/x')).rejects.toEqual(new OfflineError('network'))

    vi.useFakeTimers()
    const hang = vi.fn(
      (_: unknown, init?: RequestInit) =>
        new Promise<Response>((_, no) => init?.signal?.addEventListener('abort', () => no(new Error('aborted')))),
    )
    const slow = createApi({ fetch: hang as typeof fetch, timeoutMs: 50 }).get('/x')
    const seen = expect(slow).rejects.toMatchObject({ reason: 'timeout' })
    await vi.advanceTimersByTimeAsync(51)
    await seen
    vi.useRealTimers()
  })
})

describe('an ended session', () => {
  const expired = () => answer(401, { code: 'not_signed_in' })

  it('waits for the person and sends the request once more', async () => {
    const fetch = vi
      .fn()
      .mockResolvedValueOnce(expired())
      .mockResolvedValueOnce(answer(200, { ok: true }))
    const onExpired = vi.fn().mockResolvedValue(true)
    expect(await createApi({ fetch, onExpired }).post('/api/v1/callbacks/1/outcome', {})).toEqual({ ok: true })
    expect(fetch).toHaveBeenCalledTimes(2)
  })

  it('gives up when somebody else signs in, and does not repeat their request', async () => {
    const fetch = vi.fn().mockResolvedValue(expired())
    const failed = createApi({ fetch, onExpired: () => Promise.resolve(false) }).post('/x', {})
    await expect(failed).rejects.toMatchObject({ status: 401 })
    expect(fetch).toHaveBeenCalledTimes(1)
  })

  it.each([
    ['signing in', '/api/v1/session', 'sign_in_failed'],
    ['the current password', '/api/v1/session/password', 'sign_in_failed'],
  ])('is not what a wrong password means at %s', async (_, path, code) => {
    const onExpired = vi.fn()
    const fetch = vi.fn().mockResolvedValue(answer(401, { code }))
    await expect(createApi({ fetch, onExpired }).post(path, {})).rejects.toBeInstanceOf(ApiError)
    expect(onExpired).not.toHaveBeenCalled()
  })
})

it('takes null and nothing for an empty list', () => {
  expect(listOf({ devices: null }, 'devices')).toEqual([])
  expect(listOf(undefined, 'devices')).toEqual([])
  expect(listOf({ devices: [1] }, 'devices')).toEqual([1])
})
