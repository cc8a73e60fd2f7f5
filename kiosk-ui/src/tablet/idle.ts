/** How often time moves for the screen. */
export const TICK_MILLIS = 250

const SIGNS_OF_LIFE = ['pointerdown', 'keydown', 'input', 'wheel'] as const

/**
 * Reports every touch of a person (never a scripted event) and the passing of
 * time. Gives the end of it.
 */
export function watchPresence(on: { touched: () => void; tick: () => void }, page: Document = document): () => void {
  const touched = (event: Event) => {
    if (event.isTrusted) on.touched()
  }
  for (const name of SIGNS_OF_LIFE) page.addEventListener(name, touched, { capture: true, passive: true })
  const timer = setInterval(on.tick, TICK_MILLIS)
  return () => {
    for (const name of SIGNS_OF_LIFE) page.removeEventListener(name, touched, { capture: true })
    clearInterval(timer)
  }
}
