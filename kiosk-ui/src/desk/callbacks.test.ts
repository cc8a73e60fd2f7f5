import { describe, expect, it, vi } from 'vitest'
import type { Api } from './api'
import { countClosedToday, readDone, readOpen } from './callbacks'
import type { Callback } from './types'

/** A gateway that holds these call-backs and gives at most `most` at once. */
function gateway(list: Partial<Callback>[], most = 500) {
  const get = vi.fn(async (path: string) => {
    const asked = new URL(path, 'http://gateway').searchParams
    const limit = Math.min(most, Number(asked.get('limit')))
    const from = asked.has('after') ? list.findIndex((c) => String(c.id) === asked.get('after')) + 1 : 0
    const callbacks = list.slice(from, from + limit)
    return { callbacks, ...(callbacks.length === limit ? { next: callbacks.at(-1)?.id } : {}) }
  })
  return { api: { get } as unknown as Api, get }
}
const numbered = (n: number, more: (i: number) => Partial<Callback> = () => ({})) =>
  Array.from({ length: n }, (_, i) => ({ id: i + 1, due_on: '', at: '', workdays_left: 5, ...more(i) }))
const asked = (get: ReturnType<typeof gateway>['get']) => get.mock.calls.map(([path]) => path.split('?')[1])

describe('open call-backs', () => {
  it.each([0, 1, 499, 500, 501, 1000, 1203])('are all read, were there %i', async (n) => {
    const { items, more } = await readOpen(gateway(numbered(n)).api)
    expect(items.map((c) => c.id)).toEqual(numbered(n).map((c) => c.id))
    expect(more).toBe(false)
  })
  it('have the one to call today on top, though its page is the last', async () => {
    const list = numbered(501, (i) => ({ state: i === 500 ? 'open' : 'calling' }))
    expect((await readOpen(gateway(list).api)).items[0]?.id).toBe(501)
  })
  it('end where the gateway stops saying what is next', async () => {
    const { api, get } = gateway(numbered(600))
    await readOpen(api)
    expect(asked(get)).toEqual(['state=open&limit=500', 'state=open&limit=500&after=500'])
  })
})

describe('done call-backs', () => {
  it.each([
    [100, 40, 40, false, ['state=done&limit=100']],
    [100, 250, 100, true, ['state=done&limit=100']],
    [200, 150, 150, false, ['state=done&limit=200']],
    [600, 1300, 1000, true, ['state=done&limit=500', 'state=done&limit=500&after=500']],
    [600, 700, 700, false, ['state=done&limit=500', 'state=done&limit=500&after=500']],
  ])('%i wanted of %i: %i, more %s', async (wanted, there, got, more, calls) => {
    const { api, get } = gateway(numbered(there))
    const page = await readDone(api, wanted)
    expect([page.items.length, page.more]).toEqual([got, more])
    expect(asked(get)).toEqual(calls)
  })
})

describe('closed today', () => {
  const now = Date.parse('2026-11-21T07:00:00Z')
  const closed = (today: number, before: number) =>
    numbered(today + before, (i) => ({ closed_at: i < today ? '2026-11-20T16:00:00Z' : '2026-11-20T15:59:59Z' }))
  it.each([
    [0, 0, 1],
    [3, 500, 1],
    [100, 500, 2],
    [230, 500, 3],
    [230, 0, 3],
  ])('%i of them before %i older ones are found in %i readings', async (today, before, readings) => {
    const { api, get } = gateway(closed(today, before))
    expect(await countClosedToday(api, now, 'Asia/Shanghai')).toBe(today)
    expect(get).toHaveBeenCalledTimes(readings)
  })
})
