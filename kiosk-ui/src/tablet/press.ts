import type { Directive } from 'vue'

/** A finger that slid this far off the key before lifting still meant it, in pixels. */
const SLOP = 20
/** The click a browser makes of a press already heard comes within this time. */
const ECHO_MILLIS = 700

/**
 * Calls back once for each press of an element: a finger or mouse lifted over it,
 * however long it rested there (a browser makes no click of a long press, and
 * unsteady hands press long), or a click without pointer from keyboard or
 * assistive technology. Gives the end of it.
 */
export function listenForPress(el: HTMLElement, onPress: () => void): () => void {
  let pointer: number | null = null
  let heardAt = Number.NEGATIVE_INFINITY
  const down = (event: PointerEvent) => {
    if (event.button === 0) pointer = event.pointerId
  }
  const up = (event: PointerEvent) => {
    if (pointer !== event.pointerId) return
    pointer = null
    const box = el.getBoundingClientRect()
    const inside =
      event.clientX >= box.left - SLOP &&
      event.clientX <= box.right + SLOP &&
      event.clientY >= box.top - SLOP &&
      event.clientY <= box.bottom + SLOP
    if (!inside) return
    heardAt = event.timeStamp
    onPress()
  }
  const cancel = () => {
    pointer = null
  }
  const click = (event: MouseEvent) => {
    if (event.timeStamp - heardAt < ECHO_MILLIS && event.timeStamp >= heardAt) return
    onPress()
  }
  // Without this the browser's late click lands on the next screen. It stays when
  // the rest ends: pointerup comes first and may already have taken the key away.
  const touchEnd = (event: TouchEvent) => {
    if (event.cancelable) event.preventDefault()
  }
  el.addEventListener('pointerdown', down)
  el.addEventListener('pointerup', up)
  el.addEventListener('pointercancel', cancel)
  el.addEventListener('click', click)
  el.addEventListener('touchend', touchEnd)
  return () => {
    el.removeEventListener('pointerdown', down)
    el.removeEventListener('pointerup', up)
    el.removeEventListener('pointercancel', cancel)
    el.removeEventListener('click', click)
  }
}

const listening = new WeakMap<HTMLElement, { onPress: () => void; end: () => void }>()

/** `v-press="handler"` on a button. */
export const vPress: Directive<HTMLElement, () => void> = {
  mounted(el, { value }) {
    const entry = { onPress: value, end: () => {} }
    entry.end = listenForPress(el, () => entry.onPress())
    listening.set(el, entry)
  },
  updated(el, { value }) {
    const entry = listening.get(el)
    if (entry) entry.onPress = value
  },
  unmounted(el) {
    listening.get(el)?.end()
    listening.delete(el)
  },
}
