import { describe, expect, it, vi } from 'vitest'
import { ApiError, OfflineError } from '../desk/api'
import { messageKeys } from '../shared/i18n'
import { asks, createAsking, GIVE_UP_MS, PRESS_GAP_MS, staffOk } from './asking'
import { messages } from './messages'

const ID = '019aa5c2-7d10-4c44-9b1e-000000000001'
const answer = (more = {}) => ({ prompt_id: 'p1', state: 'waiting', tablets: 1, ...more })
const windowState = (more = {}) => ({ tablets: 1, offered_today: 1, answered_today: 0, ...more })

function clerk() {
  let now = 1_000_000
  let made = 0
  const waits: { run: () => void; ms: number }[] = []
  const post = vi.fn<(path: string, body: unknown) => Promise<unknown>>().mockResolvedValue(answer())
  const asking = createAsking({
    api: { get: vi.fn(), post } as never,
    window: 'settlement-1',
    kind: 'settlement',
    uuid: () => ID.replace(/1$/, String(++made)),
    now: () => now,
    later: (run, ms) => waits.push({ run, ms }),
    changed: () => undefined,
  })
  return {
    asking,
    post,
    waits,
    step: () => asking.current().step,
    pass: (ms: number) => {
      now += ms
    },
    /** Lets the next retry come due. */
    retry: async () => {
      const next = waits.shift()
      now += next?.ms ?? 0
      next?.run()
      await settled()
    },
  }
}
const settled = () => vi.waitFor(() => Promise.resolve())
const numbers = (post: ReturnType<typeof clerk>['post']) =>
  post.mock.calls.map(([, body]) => (body as { transaction: string }).transaction)

describe('a press', () => {
  it('sends one transaction of its own number', async () => {
    const c = clerk()
    expect(c.asking.press('1024')).toBe(true)
    expect(c.step()).toBe('sending')
    await vi.waitFor(() => expect(c.step()).toBe('waiting'))
    expect(c.post.mock.calls).toEqual([
      [
        '/api/v1/operator/windows/settlement-1/transactions',
        { transaction: `op-${ID}`, kind: 'settlement', staff: '1024' },
      ],
    ])
  })

  it('leaves the staff number out when there is none', () => {
    const c = clerk()
    c.asking.press('')
    expect(c.post.mock.calls[0]?.[1]).toEqual({ transaction: `op-${ID}`, kind: 'settlement' })
  })

  it('pressed twice is one press', async () => {
    const c = clerk()
    c.asking.press('')
    expect(c.asking.press('')).toBe(false)
    await vi.waitFor(() => expect(c.step()).toBe('waiting'))
    c.pass(PRESS_GAP_MS - 1)
    expect(c.asking.press('')).toBe(false)
    expect(c.asking.current().tooSoon).toBe(true)
    expect(c.post).toHaveBeenCalledTimes(1)
    c.pass(1)
    expect(c.asking.press('')).toBe(true)
    expect(new Set(numbers(c.post)).size).toBe(2)
  })

  it('says when no tablet is there, and when the staff number is unknown', async () => {
    const c = clerk()
    c.post.mockResolvedValue(answer({ tablets: 0, staff_known: false }))
    c.asking.press('9')
    await vi.waitFor(() => expect(c.step()).toBe('no_tablet'))
    expect(c.asking.current().staffUnknown).toBe(true)
    await c.asking.seen(windowState({ prompt: { id: 'p1', state: 'waiting', expires_at: '' } }) as never)
    expect(c.step()).toBe('waiting')
  })
})

describe('without a network', () => {
  it('sends the same number again until it gets through', async () => {
    const c = clerk()
    c.post.mockRejectedValueOnce(new OfflineError('network')).mockRejectedValueOnce(new ApiError(503, 'busy', ''))
    c.asking.press('')
    await vi.waitFor(() => expect(c.step()).toBe('retrying'))
    expect(c.asking.press('')).toBe(false)
    await c.retry()
    await vi.waitFor(() => expect(c.waits).toHaveLength(1))
    await c.retry()
    await vi.waitFor(() => expect(c.step()).toBe('waiting'))
    expect(numbers(c.post)).toEqual([`op-${ID}`, `op-${ID}`, `op-${ID}`])
  })

  it('gives up after a minute, so that the next patient is not asked instead', async () => {
    const c = clerk()
    c.post.mockRejectedValue(new OfflineError('network'))
    c.asking.press('')
    let waited = 0
    for (;;) {
      await vi.waitFor(() => expect(c.step() === 'lost' || c.waits.length > 0).toBe(true))
      if (c.step() === 'lost') break
      waited += c.waits[0]?.ms ?? 0
      await c.retry()
    }
    expect(waited).toBeLessThanOrEqual(GIVE_UP_MS)
    expect(c.asking.press('')).toBe(true)
  })

  it('can be stopped, and then sends nothing more', async () => {
    const c = clerk()
    c.post.mockRejectedValueOnce(new OfflineError('network'))
    c.asking.press('')
    await vi.waitFor(() => expect(c.step()).toBe('retrying'))
    c.asking.stop()
    await c.retry()
    expect(c.step()).toBe('idle')
    expect(c.post).toHaveBeenCalledTimes(1)
  })

  it('does not repeat what the gateway refused', async () => {
    const c = clerk()
    c.post.mockRejectedValue(new ApiError(404, 'no_such_window', ''))
    c.asking.press('')
    await vi.waitFor(() => expect(c.step()).toBe('refused'))
    expect(c.waits).toEqual([])
  })
})

describe('the open question', () => {
  async function asked() {
    const c = clerk()
    c.asking.press('')
    await vi.waitFor(() => expect(c.step()).toBe('waiting'))
    return c
  }
  it('is followed onto the screen', async () => {
    const c = await asked()
    await c.asking.seen(windowState({ prompt: { id: 'p1', state: 'offered', expires_at: '' } }) as never)
    expect(c.step()).toBe('offered')
    expect(c.post).toHaveBeenCalledTimes(1)
  })
  it.each(['rated', 'expired'] as const)('once gone, is asked about under its own number: %s', async (state) => {
    const c = await asked()
    c.post.mockResolvedValueOnce(answer({ state, duplicate: true }))
    await c.asking.seen(windowState() as never)
    expect(c.step()).toBe(state)
    expect(numbers(c.post)).toEqual([`op-${ID}`, `op-${ID}`])
    await c.asking.seen(windowState() as never)
    expect(c.post).toHaveBeenCalledTimes(2)
  })
  it('stays as it was when that cannot be learnt', async () => {
    const c = await asked()
    c.post.mockRejectedValueOnce(new OfflineError('network'))
    await c.asking.seen(windowState() as never)
    expect(c.step()).toBe('waiting')
  })
})

describe('the keys', () => {
  const press = (key: string, more = {}) => ({
    key,
    repeat: false,
    ctrlKey: false,
    altKey: false,
    metaKey: false,
    ...more,
  })
  it('are F9 anywhere and space outside fields', () => {
    const input = document.createElement('input')
    expect(asks(press('F9'), input)).toBe(true)
    expect(asks(press(' '), document.body)).toBe(true)
    expect(asks(press(' '), input)).toBe(false)
    expect(asks(press('F9', { repeat: true }), null)).toBe(false)
    expect(asks(press('F9', { altKey: true }), null)).toBe(false)
    expect(asks(press('Enter'), null)).toBe(false)
  })
  it('take only what can be a work number', () => {
    expect(staffOk('')).toBe(true)
    expect(staffOk('A-1024')).toBe(true)
    expect(staffOk('10 24')).toBe(false)
  })
})

describe('the words', () => {
  it('are the same in both languages', () => expect(messageKeys(messages.en)).toEqual(messageKeys(messages.zh)))
  it('never speak of a grade', () => {
    const own = JSON.stringify([messages.zh.operator, messages.en.operator])
    expect(own).not.toMatch(/满意|satisfied|grade/i)
  })
})
