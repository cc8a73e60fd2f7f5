import { onBeforeUnmount, type Ref, ref, watch } from 'vue'
import { PAGE_MS } from './paging'

/** Turns pages by itself while there are several; a turn by hand starts the wait again. */
export function useTurning(
  pages: () => number,
  active: () => boolean,
): { page: Ref<number>; turn: (by: number) => void } {
  const page = ref(0)
  let timer: ReturnType<typeof setInterval> | undefined

  function turn(by: number): void {
    const all = Math.max(1, pages())
    page.value = (((page.value + by) % all) + all) % all
    wait()
  }
  function wait(): void {
    clearInterval(timer)
    if (active() && pages() > 1) timer = setInterval(() => turn(1), PAGE_MS)
  }
  watch(
    [pages, active],
    () => {
      if (page.value >= pages()) page.value = 0
      wait()
    },
    { immediate: true },
  )
  onBeforeUnmount(() => clearInterval(timer))
  return { page, turn }
}
