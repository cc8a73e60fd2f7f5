import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Fact } from '../shared/wire'
import { databaseOpener } from './database'
import { idbFactStore } from './factstore'
import { FactQueue, type FactStore, MAX_IN_FLIGHT, QueueFullError } from './queue'

let databases = 0
const fact = (n: number): Fact => ({
  type: 'prompt_shown',
  id: `id-${String(n).padStart(4, '0')}`,
  at: '2026-11-21T02:42:07.120Z',
  prompt_id: 'p',
})
const ids = (facts: Fact[]) => facts.map((f) => f.id)
const ack = (n: number) => ({ type: 'ack', id: fact(n).id, outcome: 'stored' }) as const

/** A disk that keeps rows in memory and fails when told to. */
function memoryStore() {
  const rows = new Map<number, Fact>()
  const aside: Fact[] = []
  let seq = 0
  const disk = { failing: false, rows, aside, store: {} as FactStore }
  const check = () => {
    if (disk.failing) throw new DOMException('full', 'QuotaExceededError')
  }
  disk.store = {
    async all() {
      check()
      return [...rows].map(([n, f]) => ({ seq: n, fact: f }))
    },
    async put(f) {
      check()
      rows.set(++seq, f)
      return seq
    },
    async remove(n) {
      check()
      rows.delete(n)
    },
    async setAside(n) {
      check()
      const f = rows.get(n)
      if (f) aside.push(f)
      rows.delete(n)
    },
    async probe() {
      check()
    },
  }
  return disk
}

async function loaded(store: FactStore, capacity?: number) {
  const queue = new FactQueue(store, { now: () => Date.now(), ...(capacity && { capacity }) })
  await queue.load()
  return queue
}

describe('the queue on IndexedDB', () => {
  it('keeps facts over a reload, in order, until their ack', async () => {
    const name = `queue-${databases++}`
    const first = await loaded(idbFactStore(databaseOpener(name)))
    for (const n of [3, 1, 2]) await first.add(fact(n))

    const second = await loaded(idbFactStore(databaseOpener(name)))
    const sent: Fact[] = []
    second.connect((f) => sent.push(f))
    expect(ids(sent)).toEqual(ids([fact(3), fact(1), fact(2)]))
    second.ack(ack(1))
    await vi.waitFor(async () => {
      const third = await loaded(idbFactStore(databaseOpener(name)))
      expect(ids(third.facts())).toEqual(ids([fact(3), fact(2)]))
    })
  })

  it('writes with strict durability', async () => {
    const open = databaseOpener(`queue-${databases++}`)
    const db = await open()
    const asked = vi.spyOn(db, 'transaction')
    await idbFactStore(open).put(fact(1))
    expect(asked).toHaveBeenCalledWith('facts', 'readwrite', { durability: 'strict' })
  })

  it('sets a fact aside without losing it', async () => {
    const open = databaseOpener(`queue-${databases++}`)
    const store = idbFactStore(open)
    const seq = await store.put(fact(1))
    await store.setAside(seq)
    expect(await store.all()).toEqual([])
    expect((await (await open()).getAll('aside')).map((row) => row.id)).toEqual([fact(1).id])
  })
})

describe('sending', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('has at most 32 under way and goes on with each ack', async () => {
    const queue = await loaded(memoryStore().store)
    for (let n = 0; n < 40; n++) await queue.add(fact(n))
    const sent: Fact[] = []
    queue.connect((f) => sent.push(f))
    expect(sent).toHaveLength(MAX_IN_FLIGHT)
    queue.ack(ack(0))
    queue.ack(ack(1))
    expect(ids(sent)).toEqual(ids(Array.from({ length: 34 }, (_, n) => fact(n))))
  })

  it('stores before it sends', async () => {
    const disk = memoryStore()
    const queue = await loaded(disk.store)
    let onDisk = false
    queue.connect(() => {
      onDisk = disk.rows.size === 1
    })
    await queue.add(fact(1))
    expect(onDisk).toBe(true)
  })

  it('lets nothing go on another’s ack', async () => {
    const queue = await loaded(memoryStore().store)
    await queue.add(fact(1))
    expect(queue.ack(ack(2))).toBeUndefined()
    expect(queue.size).toBe(1)
  })

  it('lets go on every outcome', async () => {
    for (const outcome of ['stored', 'duplicate', 'conflict', 'already_rated', 'invalid'] as const) {
      const disk = memoryStore()
      const queue = await loaded(disk.store)
      await queue.add(fact(1))
      expect(queue.ack({ type: 'ack', id: fact(1).id, outcome })).toEqual(fact(1))
      expect([queue.size, disk.rows.size]).toEqual([0, 0])
    }
  })

  it('sends everything unacknowledged again on a new connection', async () => {
    const queue = await loaded(memoryStore().store)
    for (const n of [1, 2]) await queue.add(fact(n))
    queue.connect(() => {})
    queue.ack(ack(1))
    queue.disconnect()
    const sent: Fact[] = []
    queue.connect((f) => sent.push(f))
    expect(ids(sent)).toEqual([fact(2).id])
  })

  it('keeps a fact on retry and waits as long as it is told, then begins with it', async () => {
    const queue = await loaded(memoryStore().store)
    const sent: Fact[] = []
    queue.connect((f) => sent.push(f))
    await queue.add(fact(1))
    queue.retry(fact(1).id, 5)
    await queue.add(fact(2))
    vi.advanceTimersByTime(4_999)
    expect(ids(sent)).toEqual(ids([fact(1)]))
    vi.advanceTimersByTime(1)
    expect(ids(sent)).toEqual(ids([fact(1), fact(1), fact(2)]))
  })

  it('tells how long it waits for an ack', async () => {
    const queue = await loaded(memoryStore().store)
    await queue.add(fact(1))
    expect(queue.waitingMillis()).toBe(0)
    queue.connect(() => {})
    vi.advanceTimersByTime(15_001)
    expect(queue.waitingMillis()).toBe(15_001)
  })

  it('sets aside only the fact that is too big', async () => {
    const disk = memoryStore()
    const queue = await loaded(disk.store)
    for (const n of [1, 2, 3]) await queue.add(fact(n))
    const sent: Fact[] = []
    const send = (f: Fact) => void sent.push(f)
    queue.connect(send)
    queue.tooBig()
    queue.disconnect()
    sent.length = 0
    queue.connect(send)
    expect(ids(sent)).toEqual([fact(1).id])
    queue.tooBig()
    queue.disconnect()
    expect(ids(disk.aside)).toEqual([fact(1).id])
    expect(ids(queue.facts())).toEqual(ids([fact(2), fact(3)]))
  })
})

describe('a queue that cannot', () => {
  it('is not ok after a write that failed, and again when the disk is', async () => {
    const disk = memoryStore()
    const queue = await loaded(disk.store)
    disk.failing = true
    await expect(queue.add(fact(1))).rejects.toThrow('store fact')
    expect([queue.ok, queue.size]).toEqual([false, 0])
    await queue.probe()
    expect(queue.ok).toBe(false)
    disk.failing = false
    await queue.probe()
    expect(queue.ok).toBe(true)
  })

  it('refuses beyond its capacity and takes again after an ack', async () => {
    const queue = await loaded(memoryStore().store, 2)
    await queue.add(fact(1))
    await queue.add(fact(2))
    expect(queue.ok).toBe(false)
    await expect(queue.add(fact(3))).rejects.toBeInstanceOf(QueueFullError)
    queue.ack(ack(1))
    expect(queue.ok).toBe(true)
  })

  it('is not ok until it was read, and reads when it can', async () => {
    const disk = memoryStore()
    disk.rows.set(7, fact(7))
    disk.failing = true
    const queue = await loaded(disk.store)
    expect(queue.ok).toBe(false)
    disk.failing = false
    await queue.probe()
    expect([queue.ok, ids(queue.facts())]).toEqual([true, [fact(7).id]])
  })

  it('is not ok when the disk hangs', async () => {
    const queue = await loaded(memoryStore().store)
    queue.hung()
    expect(queue.ok).toBe(false)
  })
})
