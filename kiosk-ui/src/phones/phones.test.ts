import { describe, expect, it } from 'vitest'
import { ApiError, OfflineError } from '../desk/api'
import { AWAY_MS, createPhones, type PhonesState, REST_MS, unread } from './phones'
import type { Phone, PhoneList, Thread } from './wire'

const phone = (id: number, revision = 1, received = 1): Phone => ({
  id,
  number: `+861380013800${id}`,
  failure: 'none',
  revision,
  received,
})
const list = (revision: number, phones: Phone[], boot = 'a'): PhoneList => ({
  boot,
  revision,
  url: false,
  zone: 'Asia/Shanghai',
  phones,
})

/** A gateway that answers from a script: the lists in order, threads from the newest list. */
function desk(answers: (PhoneList | Error)[], { pickUp = false } = {}) {
  const asked: string[] = []
  const posted: { path: string; body: unknown }[] = []
  const refusals: Error[] = []
  const waits: { run: () => void; ms: number }[] = []
  let state: PhonesState | undefined
  let newest: PhoneList | undefined
  let ids = 0
  const phones = createPhones({
    api: {
      get: async <T>(path: string) => {
        asked.push(path)
        const id = /phones\/(\d+)$/.exec(path)?.[1]
        if (id) {
          const found = newest?.phones.find((p) => p.id === Number(id))
          if (!found) throw new ApiError(404, 'not_found', '')
          return { ...found, dropped: 0, entries: [] } as Thread as T
        }
        const answer = answers.shift() ?? new OfflineError('network')
        if (answer instanceof Error) throw answer
        newest = answer
        return answer as T
      },
      post: async <T>(path: string, body?: unknown) => {
        posted.push({ path, body })
        const refusal = refusals.shift()
        if (refusal) throw refusal
        return { id: 9 } as T
      },
    },
    newId: () => `id-${++ids}`,
    later: (run, ms) => waits.push({ run, ms }),
    changed: (now) => {
      state = now
    },
    pickUp: () => pickUp,
  })
  const settle = () => new Promise((done) => setTimeout(done, 0))
  return {
    phones,
    asked,
    posted,
    refusals,
    waits,
    now: () => state as PhonesState,
    start: () => {
      phones.start()
      return settle()
    },
    next: () => {
      waits.shift()?.run()
      return settle()
    },
  }
}

describe('what is new', () => {
  it('is asked from where the last answer ended, with a rest between', async () => {
    const d = desk([list(3, [phone(1)]), list(5, [phone(1, 5, 2)])])
    await d.start()
    expect(d.waits[0]?.ms).toBe(REST_MS)
    await d.next()
    expect(d.asked).toEqual(['/api/v1/phones', '/api/v1/phones?after=3&boot=a'])
    expect(d.now().rang.map((p) => p.id)).toEqual([1])
    expect(unread(d.now(), phone(1, 5, 2))).toBe(2)
  })
  it('is asked afresh after silence', async () => {
    const d = desk([list(3, []), new OfflineError('network'), list(4, [])])
    await d.start()
    await d.next()
    expect(d.now().link).toBe('away')
    expect(d.waits[0]?.ms).toBe(AWAY_MS)
    await d.next()
    expect(d.asked[2]).toBe('/api/v1/phones')
    expect(d.now().link).toBe('live')
  })
  it.each([
    [403, 'forbidden'],
    [401, 'forbidden'],
    [404, 'absent'],
    [503, 'away'],
  ])('answered %i is %s', async (status, link) => {
    const d = desk([new ApiError(status, 'x', '')])
    await d.start()
    expect(d.now().link).toBe(link)
  })
  it('is no longer asked once stopped', async () => {
    const d = desk([list(3, []), list(4, [])])
    await d.start()
    d.phones.stop()
    await d.next()
    expect(d.asked).toHaveLength(1)
  })
})

describe('the open phone', () => {
  it('is the newest where there is room, and none otherwise', async () => {
    const wide = desk([list(3, [phone(2), phone(1)])], { pickUp: true })
    await wide.start()
    expect(wide.now().open).toBe(2)
    expect(wide.now().thread?.id).toBe(2)
    const narrow = desk([list(3, [phone(2), phone(1)])])
    await narrow.start()
    expect(narrow.now().open).toBe(0)
  })
  it('is read again only when it has changed, and counts as seen', async () => {
    const d = desk([list(3, [phone(1)]), list(4, [phone(1), phone(2)]), list(5, [phone(1, 5, 3), phone(2)])])
    await d.start()
    await d.phones.open(1)
    await d.next()
    expect(d.asked.filter((path) => path.endsWith('/1'))).toHaveLength(1)
    await d.next()
    expect(d.asked.filter((path) => path.endsWith('/1'))).toHaveLength(2)
    expect(unread(d.now(), phone(1, 5, 3))).toBe(0)
    expect(unread(d.now(), phone(2))).toBe(1)
  })
  it('is put down when the carrier began anew, with what was seen', async () => {
    const d = desk([list(3, [phone(1)]), list(1, [phone(1)], 'b')])
    await d.start()
    await d.phones.open(1)
    await d.next()
    expect(d.now().open).toBe(0)
    expect(d.now().thread).toBeUndefined()
    expect(unread(d.now(), phone(1))).toBe(1)
  })
})

describe('a reply', () => {
  it('keeps its id when the answer was lost', async () => {
    const d = desk([])
    d.refusals.push(new OfflineError('timeout'))
    await d.phones.reply(1, '5')
    const body = { id: 'id-1', text: '5' }
    expect(d.posted).toEqual([
      { path: '/api/v1/phones/1/replies', body },
      { path: '/api/v1/phones/1/replies', body },
    ])
  })
  it('that was refused is not sent again', async () => {
    const d = desk([])
    d.refusals.push(new ApiError(422, 'invalid_field', ''))
    await expect(d.phones.reply(1, '5')).rejects.toThrow(ApiError)
    expect(d.posted).toHaveLength(1)
  })
})
