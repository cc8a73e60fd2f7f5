// Something read from the gateway and kept fresh: read at once, again on a
// beat while the page is visible, and again when asked. What was read before
// stays on the screen when a later reading fails.
import { onScopeDispose, type Ref, ref } from 'vue'

export interface Resource<T> {
  value: Ref<T | undefined>
  /** The last failure, until a reading succeeds. */
  error: Ref<unknown>
  reading: Ref<boolean>
  /** When the value was read, in milliseconds; 0: never. */
  readAt: Ref<number>
  reload(): Promise<void>
}

export function useResource<T>(read: () => Promise<T>, everyMs = 0): Resource<T> {
  const value = ref<T>() as Ref<T | undefined>
  const error = ref<unknown>(null)
  const reading = ref(false)
  const readAt = ref(0)
  let turn = 0

  const reload = async () => {
    const mine = ++turn
    reading.value = true
    try {
      const got = await read()
      if (mine !== turn) return
      value.value = got
      error.value = null
      readAt.value = Date.now()
    } catch (failure) {
      if (mine === turn) error.value = failure
    } finally {
      if (mine === turn) reading.value = false
    }
  }
  void reload()
  if (everyMs > 0) {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible' && !reading.value) void reload()
    }, everyMs)
    onScopeDispose(() => clearInterval(timer))
  }
  onScopeDispose(() => {
    turn++
  })
  return { value, error, reading, readAt, reload }
}
