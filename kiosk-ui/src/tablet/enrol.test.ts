import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { MetaStore } from './database'
import { BUSY_MILLIS, type EnrolReport, enrol, formatCode, NO_NETWORK_MILLIS, POLL_MILLIS } from './enrol'

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

const json = (status: number, body: unknown) =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } })
const portal = () => new Response('<html>sign in</html>', { status: 200, headers: { 'Content-Type': 'text/html' } })
const created = (code: string, lifeMillis = 600_000) =>
  json(201, {
    enrolment_id: `e-${code}`,
    secret: 's',
    code,
    expires_at: new Date(Date.now() + lifeMillis).toISOString(),
  })

describe('enrolling', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000 })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  function begin(answers: (() => Response)[], meta = memoryMeta()) {
    const reports: EnrolReport[] = []
    const asked: [string, RequestInit | undefined][] = []
    const done = enrol({
      fetch: async (url, init) => {
        asked.push([String(url), init])
        const answer = answers.shift()
        if (!answer) throw new TypeError('offline')
        return answer()
      },
      publicKey: 'key',
      kind: 'window_tablet',
      meta,
      now: () => Date.now(),
      report: (r) => reports.push(r),
    })
    return { done, reports, asked, meta }
  }

  it('shows a code until it is approved, and keeps the id', async () => {
    const { done, reports, asked, meta } = begin([
      () => created('K7PM3XQ2'),
      () => json(200, { state: 'waiting' }),
      () => json(200, { state: 'approved', device_id: 'dev' }),
    ])
    await vi.advanceTimersByTimeAsync(POLL_MILLIS)
    expect(await done).toBe('dev')
    expect(reports[0]).toEqual({ type: 'code', code: 'K7PM3XQ2', remainingMillis: 600_000 })
    expect(asked[1]?.[0]).toBe('/api/v1/enrolments/e-K7PM3XQ2')
    expect(new Headers(asked[1]?.[1]?.headers).get('authorization')).toBe('Bearer s')
    expect([...meta.values]).toEqual([['device_id', 'dev']])
  })

  it.each([
    ['the server says so', () => json(200, { state: 'expired' }), 600_000],
    ['its time is over', () => json(200, { state: 'waiting' }), POLL_MILLIS],
    ['it is unknown', () => json(404, { code: 'not_found', message: '' }), 600_000],
  ])('shows a new code when %s', async (_, answer, life) => {
    const { done, reports } = begin([
      () => created('AAAA2222', life),
      answer,
      () => created('BBBB3333'),
      () => json(200, { state: 'approved', device_id: 'dev' }),
    ])
    await vi.advanceTimersByTimeAsync(POLL_MILLIS)
    await done
    expect(reports.map((r) => r.type === 'code' && r.code)).toEqual(['AAAA2222', 'BBBB3333'])
  })

  it('goes on with its code after a reload', async () => {
    const meta = memoryMeta()
    begin([() => created('K7PM3XQ2'), () => json(200, { state: 'waiting' })], meta)
    await vi.advanceTimersByTimeAsync(0)
    const again = begin([() => json(200, { state: 'approved', device_id: 'dev' })], meta)
    expect(await again.done).toBe('dev')
    expect(again.asked.map(([url]) => url)).toEqual(['/api/v1/enrolments/e-K7PM3XQ2'])
  })

  it('takes a captive portal for no network, and a full house for busy', async () => {
    const { done, reports } = begin([
      portal,
      () => json(429, { code: 'too_many', message: '' }),
      () => created('K7PM3XQ2'),
      portal,
      () => json(200, { state: 'approved', device_id: 'dev' }),
    ])
    await vi.advanceTimersByTimeAsync(NO_NETWORK_MILLIS + BUSY_MILLIS + POLL_MILLIS)
    expect(await done).toBe('dev')
    expect(reports.map((r) => (r.type === 'problem' ? r.problem : r.code))).toEqual([
      'no_network',
      'busy',
      'K7PM3XQ2',
      'K7PM3XQ2',
    ])
  })
})

it('writes a code in two halves', () => {
  expect(formatCode('K7PM3XQ2')).toBe('K7PM-3XQ2')
})
