// Call-backs come from the gateway in pages; here they are read on, page after
// page, as far as somebody wants them.
import { type Api, listOf } from './api'
import type { Callback } from './types'
import { businessDay, byNextToDo } from './words'

export type CallbackList = 'open' | 'done'

export interface CallbackPage {
  items: Callback[]
  /** There are others behind these. */
  more: boolean
}

/** The most call-backs one answer holds. */
const MOST = 500

/** The pages of a list in the gateway's order; each is asked for when it is wanted. */
async function* pages(api: Api, list: CallbackList, limit: number): AsyncGenerator<CallbackPage, void> {
  let after = ''
  for (;;) {
    const answer = await api.get<{ next?: number | string }>(`/api/v1/callbacks?state=${list}&limit=${limit}${after}`)
    const items = listOf<Callback>(answer, 'callbacks')
    const more = answer.next !== undefined && items.length > 0
    yield { items, more }
    if (!more) return
    after = `&after=${answer.next}`
  }
}

async function readUntil(api: Api, list: CallbackList, wanted: number): Promise<CallbackPage> {
  const items: Callback[] = []
  for await (const page of pages(api, list, Math.min(MOST, wanted))) {
    items.push(...page.items)
    if (!page.more || items.length >= wanted) return { items, more: page.more }
  }
  return { items, more: false }
}

/**
 * Every open call-back, the next to do first. What came today is to be called
 * today and is due last, so only the whole list has the right one on top, and
 * the right counts.
 */
export async function readOpen(api: Api): Promise<CallbackPage> {
  const { items } = await readUntil(api, 'open', Number.POSITIVE_INFINITY)
  return { items: items.sort(byNextToDo), more: false }
}

/** At least the first `wanted` of those done, the one closed last first. */
export const readDone = (api: Api, wanted: number): Promise<CallbackPage> => readUntil(api, 'done', wanted)

/** How many were closed on the hospital's day of `now`. */
export async function countClosedToday(api: Api, now: number, zone: string | undefined): Promise<number> {
  const today = businessDay(now, zone)
  let count = 0
  for await (const { items } of pages(api, 'done', 100)) {
    const closed = items.filter((c) => c.closed_at && businessDay(Date.parse(c.closed_at), zone) === today)
    count += closed.length
    if (closed.length < items.length) break
  }
  return count
}
