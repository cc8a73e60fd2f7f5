import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Fact } from '../shared/wire'
import { promptNamed, welcome } from './fixtures'
import { FactQueue, type FactStore } from './queue'
import { STORE_MILLIS, Tablet } from './tablet'

const NOW = Date.parse('2026-11-21T02:00:00.000Z')

async function tabletWith(put: FactStore['put'] = async () => ++seq) {
  const kept: Fact[] = []
  const store: FactStore = {
    all: async () => [],
    put: async (fact) => {
      const n = await put(fact)
      kept.push(fact)
      return n
    },
    remove: async () => {},
    setAside: async () => {},
    probe: async () => {},
  }
  const queue = new FactQueue(store, { now: () => Date.now() })
  await queue.load()
  let n = 0
  const screens: string[] = []
  const tablet = new Tablet({
    queue,
    now: () => Date.now(),
    newId: () => `id-${++n}`,
    changed: (state) => screens.push(state.screen.kind),
  })
  tablet.welcomed({ ...welcome, prompt: promptNamed('p') }, 0)
  await vi.advanceTimersByTimeAsync(1_000)
  return { tablet, queue, kept, screens }
}
let seq = 0

describe('a tablet', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: NOW })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('has the rating on disk before it goes on', async () => {
    let release = (_: number) => {}
    const { tablet } = await tabletWith(
      () =>
        new Promise((resolve) => {
          release = resolve
        }),
    )
    const done = tablet.grade(1)
    await vi.advanceTimersByTimeAsync(4_000)
    expect(tablet.state.screen.kind).toBe('taking')
    release(1)
    await done
    expect(tablet.state.screen.kind).toBe('why')
  })

  it('makes a rating of what was on screen', async () => {
    const { tablet, kept } = await tabletWith()
    tablet.dispatch({ type: 'prefs_changed', prefs: { language: 'en' } })
    await tablet.grade(2)
    expect(kept).toEqual([
      {
        type: 'rating',
        id: 'id-1',
        at: '2026-11-21T02:00:01.000Z',
        place: 'settlement-2',
        prompt_id: 'p',
        questionnaire: 'v1',
        grade: 2,
        dwell_ms: 1_000,
        language: 'en',
      },
    ])
  })

  it('makes one rating of two taps', async () => {
    const { tablet, kept } = await tabletWith()
    await Promise.all([tablet.grade(1), tablet.grade(5)])
    expect(kept.map((f) => f.type === 'rating' && f.grade)).toEqual([1])
  })

  it('leaves the prompt away when nobody asked', async () => {
    const { tablet, kept } = await tabletWith()
    tablet.dispatch({ type: 'left' })
    tablet.dispatch({ type: 'rate' })
    await vi.advanceTimersByTimeAsync(500)
    await tablet.grade(4)
    expect(kept[0]).not.toHaveProperty('prompt_id')
  })

  it('sends what was added as a fact of its own, and nothing when nothing was', async () => {
    const { tablet, kept } = await tabletWith()
    await tablet.grade(1)
    await vi.advanceTimersByTimeAsync(500)
    tablet.dispatch({ type: 'tag_toggled', tag: 'talk' })
    await tablet.sendDetail()
    expect(kept[1]).toEqual({
      type: 'rating_detail',
      id: 'id-2',
      at: '2026-11-21T02:00:01.500Z',
      rating_id: 'id-1',
      tags: ['talk'],
    })
    expect(tablet.state.screen.kind).toBe('thanks')

    const quiet = await tabletWith()
    await quiet.tablet.grade(1)
    await vi.advanceTimersByTimeAsync(500)
    await quiet.tablet.sendDetail()
    expect(quiet.kept.map((f) => f.type)).toEqual(['rating'])
  })

  it('sends what was ticked when its patient walks away, and not what was discarded', async () => {
    const { tablet, kept } = await tabletWith()
    await tablet.grade(1)
    await vi.advanceTimersByTimeAsync(500)
    tablet.dispatch({ type: 'tag_toggled', tag: 'talk' })
    await vi.advanceTimersByTimeAsync(20_000)
    tablet.dispatch({ type: 'tick' })
    await vi.advanceTimersByTimeAsync(1)
    expect(kept[1]).toMatchObject({ type: 'rating_detail', rating_id: 'id-1', tags: ['talk'] })
    expect(tablet.state.screen.kind).toBe('thanks')

    const discarded = await tabletWith()
    await discarded.tablet.grade(1)
    await vi.advanceTimersByTimeAsync(500)
    discarded.tablet.dispatch({ type: 'tag_toggled', tag: 'talk' })
    discarded.tablet.dispatch({ type: 'finished' })
    await vi.advanceTimersByTimeAsync(1)
    expect(discarded.kept.map((f) => f.type)).toEqual(['rating'])
  })

  it('asks for paper when the disk refuses, and when it hangs', async () => {
    const full = await tabletWith(() => Promise.reject(new DOMException('full', 'QuotaExceededError')))
    await full.tablet.grade(1)
    expect(full.tablet.state.screen.kind).toBe('paper')
    expect(full.screens).not.toContain('thanks')

    const hanging = await tabletWith(() => new Promise(() => {}))
    const done = hanging.tablet.grade(1)
    await vi.advanceTimersByTimeAsync(STORE_MILLIS)
    await done
    hanging.tablet.dispatch({ type: 'queue_changed', ok: hanging.queue.ok })
    expect(hanging.tablet.state.screen.kind).toBe('paper')
  })

  it('says once that a prompt was shown', async () => {
    const { tablet, kept } = await tabletWith()
    await tablet.promptShown('p')
    await tablet.promptShown('p')
    expect(kept.map((f) => f.type)).toEqual(['prompt_shown'])
  })

  it('reads expiry on its own clock', async () => {
    const { tablet } = await tabletWith()
    tablet.dispatch({ type: 'left' })
    tablet.welcomed({ ...welcome, prompt: promptNamed('q') }, 120_000)
    expect(tablet.state.screen.kind).toBe('idle')
    tablet.received({ type: 'prompt', prompt: { ...promptNamed('r'), expires_at: '2026-11-21T02:03:00.000Z' } })
    expect(tablet.state.screen).toMatchObject({ prompt: { expiresAt: NOW + 60_000 } })
  })

  it('knows from its queue what it has rated', async () => {
    const { tablet } = await tabletWith()
    await tablet.grade(5)
    expect(tablet.answeredPrompts()).toEqual(['p'])
  })

  it('owes one self-test a day of the hospital, and it is no rating', async () => {
    const { tablet, kept } = await tabletWith()
    expect(tablet.selfTestOwed()).toBe(true)
    await tablet.selfTested(false)
    expect(kept).toEqual([
      { type: 'self_test', id: 'id-1', at: '2026-11-21T02:00:01.000Z', place: 'settlement-2', key_worked: false },
    ])
    expect(tablet.selfTestOwed()).toBe(false)
    vi.setSystemTime(Date.parse('2026-11-21T16:00:00.000Z'))
    expect(tablet.selfTestOwed()).toBe(true)
  })

  it('goes by the hospital’s zone wherever it is', async () => {
    const { tablet } = await tabletWith()
    tablet.welcomed({ ...welcome, hospital: { ...welcome.hospital, zone: 'Asia/Urumqi' } }, 0)
    await tablet.selfTested(true)
    vi.setSystemTime(Date.parse('2026-11-21T17:59:59.999Z'))
    expect(tablet.selfTestOwed()).toBe(false)
    vi.setSystemTime(Date.parse('2026-11-21T18:00:00.000Z'))
    expect(tablet.selfTestOwed()).toBe(true)
  })
})
