import { describe, expect, it, vi } from 'vitest'
import type { Result } from './api'
import { digest, type Kept, keptInMemory, keptOnPhone, SaveQueue } from './queue'
import type { Save, Saved } from './wire'

const stored: Result<Saved> = { kind: 'ok', value: { outcome: 'stored', state: 'open' } }
const away: Result<Saved> = { kind: 'away', waitSeconds: 0, tooMany: false }
const save = (id: string): Save => ({ id, answers: [{ question: 'q', value: 1 }] })

/** A queue with a network of scripted answers and a clock moved by hand. */
function world(answers: Result<Saved>[], kept: Kept = keptInMemory()) {
  const sent: string[] = []
  const waits: { run: () => void; millis: number }[] = []
  const answered: string[] = []
  const changed = vi.fn()
  const queue = new SaveQueue({
    kept,
    send: async (s) => {
      sent.push(s.id)
      return answers.shift() ?? stored
    },
    later: (run, millis) => waits.push({ run, millis }),
    answered: (s, result) => answered.push(`${s.id} ${result.kind}`),
    changed,
  })
  return { queue, sent, waits, answered, changed }
}
const settled = () => new Promise((resolve) => setTimeout(resolve))

describe('saves on their way', () => {
  it('go one after another, and leave when answered', async () => {
    const w = world([])
    w.queue.add(save('a'))
    w.queue.add(save('b'))
    expect(w.sent).toEqual(['a'])
    await settled()
    expect(w.sent).toEqual(['a', 'b'])
    expect(w.answered).toEqual(['a ok', 'b ok'])
    expect(w.queue.waiting).toEqual([])
  })

  it('wait longer each time, and go again under the same id', async () => {
    const w = world([away, away, away])
    w.queue.add(save('a'))
    for (let n = 0; n < 3; n++) {
      await settled()
      w.waits[n]?.run()
    }
    await settled()
    expect(w.sent).toEqual(['a', 'a', 'a', 'a'])
    expect(w.waits.map((wait) => wait.millis)).toEqual([1000, 2000, 4000])
    expect(w.answered).toEqual(['a ok'])
    expect(w.changed).toHaveBeenCalledWith(1, false)
    expect(w.changed).toHaveBeenLastCalledWith(0, true)
  })

  it('wait as long as the gateway asks', async () => {
    const w = world([{ kind: 'away', waitSeconds: 90, tooMany: false }])
    w.queue.add(save('a'))
    await settled()
    expect(w.waits[0]?.millis).toBe(90_000)
  })

  it('go at once when the network is back, and not again for the pause that was', async () => {
    const w = world([away])
    w.queue.add(save('a'))
    await settled()
    w.queue.kick()
    await settled()
    w.queue.add(save('b'))
    await settled()
    w.waits[0]?.run()
    await settled()
    expect(w.sent).toEqual(['a', 'a', 'b'])
  })

  it('are all over when the survey is', async () => {
    const w = world([{ kind: 'gone' }])
    w.queue.add(save('a'))
    w.queue.add(save('b'))
    await settled()
    expect(w.sent).toEqual(['a'])
    expect(w.answered).toEqual(['a gone'])
    expect(w.queue.waiting).toEqual([])
  })

  it('do not stop behind one that is refused', async () => {
    const w = world([{ kind: 'refused' }])
    w.queue.add(save('a'))
    w.queue.add(save('b'))
    await settled()
    expect(w.answered).toEqual(['a refused', 'b ok'])
  })

  it('outlive the page on a phone, and go first at the next visit', async () => {
    localStorage.clear()
    const before = world([away], keptOnPhone('token', localStorage))
    before.queue.add(save('a'))
    await settled()
    const after = world([], keptOnPhone('token', localStorage))
    expect(after.queue.waiting.map((s) => s.id)).toEqual(['a'])
    after.queue.kick()
    await settled()
    expect(after.sent).toEqual(['a'])
    expect(localStorage.length).toBe(0)
  })
})

describe('what a phone keeps', () => {
  it('is named without the token', () => {
    localStorage.clear()
    keptOnPhone('AbCdEfGhIjKlMnOpQrStUv', localStorage).write([save('a')])
    expect(JSON.stringify({ ...localStorage })).not.toContain('AbCdEf')
    expect(localStorage.key(0)).toBe(`survey.${digest('AbCdEfGhIjKlMnOpQrStUv')}`)
    expect(digest('a')).toBe('af63dc4c8601ec8c')
  })

  it('is nothing when it cannot be read', () => {
    localStorage.setItem(`survey.${digest('t')}`, '{broken')
    expect(keptOnPhone('t', localStorage).read()).toEqual([])
    localStorage.setItem(`survey.${digest('t')}`, '[null, 3, {"id": "x"}]')
    expect(keptOnPhone('t', localStorage).read()).toEqual([{ id: 'x' }])
  })

  it('is kept in memory where storage refuses', () => {
    const refuse = () => {
      throw new DOMException('full')
    }
    const kept = keptOnPhone('t', { getItem: refuse, setItem: refuse, removeItem: refuse })
    kept.write([save('a')])
    expect(kept.read()).toHaveLength(1)
  })
})
