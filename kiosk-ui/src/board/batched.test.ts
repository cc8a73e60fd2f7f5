import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { effectScope, nextTick, ref } from 'vue'
import { useBatched } from './batched'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('shows a first change at once and the next ones together', async () => {
  const source = ref(0)
  const scope = effectScope()
  const shown = scope.run(() => useBatched(() => source.value, 500))
  const change = async (to: number) => {
    source.value = to
    await nextTick()
    return shown?.value
  }
  expect(await change(1)).toBe(1)
  expect(await change(2)).toBe(1)
  expect(await change(3)).toBe(1)
  vi.advanceTimersByTime(500)
  expect(shown?.value).toBe(3)
  expect(await change(4)).toBe(3)
  vi.advanceTimersByTime(500)
  expect(shown?.value).toBe(4)
  vi.advanceTimersByTime(500)
  expect(await change(5)).toBe(5)
  expect(await change(6)).toBe(5)
  scope.stop()
  expect(vi.getTimerCount()).toBe(0)
})
