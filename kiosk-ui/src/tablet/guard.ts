/**
 * Takes away what turns a counter's screen into a browser: going back, context
 * menu, dragging, zooming with two fingers or the wheel. Text fields keep their own
 * selection. Gives the end of it.
 */
export function guardPage(onBack: () => void, page: Document = document, win: Window = window): () => void {
  const swallow = (event: Event) => event.preventDefault()
  const wheel = (event: WheelEvent) => {
    if (event.ctrlKey) event.preventDefault()
  }
  const pinch = (event: TouchEvent) => {
    if (event.touches.length > 1) event.preventDefault()
  }
  const select = (event: Event) => {
    if (!(event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLInputElement))
      event.preventDefault()
  }
  const back = () => {
    win.history.pushState(null, '')
    onBack()
  }
  const active = { passive: false } as const
  page.addEventListener('contextmenu', swallow)
  page.addEventListener('dragstart', swallow)
  page.addEventListener('selectstart', select)
  page.addEventListener('gesturestart', swallow)
  page.addEventListener('wheel', wheel, active)
  page.addEventListener('touchmove', pinch, active)
  win.history.pushState(null, '')
  win.addEventListener('popstate', back)
  return () => {
    page.removeEventListener('contextmenu', swallow)
    page.removeEventListener('dragstart', swallow)
    page.removeEventListener('selectstart', select)
    page.removeEventListener('gesturestart', swallow)
    page.removeEventListener('wheel', wheel)
    page.removeEventListener('touchmove', pinch)
    win.removeEventListener('popstate', back)
  }
}
