import { onBeforeUnmount, onMounted, type Ref, ref } from 'vue'

/** The height of an element in rem, followed as it changes. */
export function useRoom(element: Ref<HTMLElement | null>): Ref<number> {
  const room = ref(0)
  let observer: ResizeObserver | undefined
  onMounted(() => {
    if (!element.value) return
    observer = new ResizeObserver(([entry]) => {
      const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize)
      if (entry) room.value = entry.contentRect.height / rem
    })
    observer.observe(element.value)
  })
  onBeforeUnmount(() => observer?.disconnect())
  return room
}
