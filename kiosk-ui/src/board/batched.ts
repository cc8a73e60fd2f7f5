import { onScopeDispose, type Ref, shallowRef, watch } from 'vue'

/** How long a list that changes all the time stands still, so that it can be read. */
export const BATCH_MS = 500

/**
 * Follows a value, changing at most once in `ms`: the first change at once,
 * what comes within the pause together at its end.
 */
export function useBatched<T>(source: () => T, ms = BATCH_MS): Readonly<Ref<T>> {
  const shown = shallowRef(source()) as Ref<T>
  let pause: ReturnType<typeof setTimeout> | undefined
  let waiting = false
  function show(): void {
    waiting = false
    shown.value = source()
    pause = setTimeout(() => {
      pause = undefined
      if (waiting) show()
    }, ms)
  }
  watch(source, () => {
    if (pause === undefined) show()
    else waiting = true
  })
  onScopeDispose(() => clearTimeout(pause))
  return shown
}
