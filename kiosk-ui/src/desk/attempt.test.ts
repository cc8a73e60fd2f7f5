import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope } from 'vue'
import { SHOWN_SECONDS, useAttempt, useShown } from './attempt'

describe('an attempt', () => {
  it('is one at a time', async () => {
    const { working, attempt } = useAttempt()
    let finish = () => {}
    const first = attempt(() => new Promise((resolve) => (finish = resolve)))
    const second = vi.fn(async () => {})
    expect(working.value).toBe(true)
    expect(await attempt(second)).toBe(false)
    expect(second).not.toHaveBeenCalled()
    finish()
    expect(await first).toBe(true)
    expect(working.value).toBe(false)
  })
  it('keeps what went wrong until the next', async () => {
    const { working, error, attempt } = useAttempt()
    const wrong = new Error('refused')
    expect(await attempt(() => Promise.reject(wrong))).toBe(false)
    expect([error.value, working.value]).toEqual([wrong, false])
    expect(await attempt(async () => expect(error.value).toBeNull())).toBe(true)
    expect(error.value).toBeNull()
  })
})

describe('something personal', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())
  const within = <T>(fetch: () => Promise<T>) => {
    const scope = effectScope()
    return { scope, shown: scope.run(() => useShown(fetch)) as ReturnType<typeof useShown<T>> }
  }
  it('is put away after two minutes', async () => {
    const { shown } = within(async () => '13812345678')
    await shown.show()
    vi.advanceTimersByTime((SHOWN_SECONDS - 1) * 1000)
    expect([shown.value.value, shown.left.value]).toEqual(['13812345678', 1])
    vi.advanceTimersByTime(1000)
    expect(shown.value.value).toBeUndefined()
  })
  it('has its two minutes anew when shown again', async () => {
    const { shown } = within(async () => 'x')
    await shown.show()
    vi.advanceTimersByTime(100_000)
    await shown.show()
    vi.advanceTimersByTime(100_000)
    expect(shown.value.value).toBe('x')
  })
  it('is put away with its component, even when it comes late', async () => {
    let answer = (_: string) => {}
    const { scope, shown } = within(() => new Promise<string>((resolve) => (answer = resolve)))
    const showing = shown.show()
    scope.stop()
    answer('late')
    await showing
    expect(shown.value.value).toBeUndefined()
    expect(vi.getTimerCount()).toBe(0)
  })
  it('shows nothing when it is refused', async () => {
    const { shown } = within(() => Promise.reject(new Error('no')))
    expect(await shown.show()).toBe(false)
    expect(shown.value.value).toBeUndefined()
  })
})
