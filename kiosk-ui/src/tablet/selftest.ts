import type { Grade } from '../shared/wire'

/** The screen must have been left alone this long before the device tests itself. */
export const QUIET_MILLIS = 15_000
/** A key smaller than this, in pixels, is not a key for everybody. */
export const KEY_PIXELS = 64

/**
 * Whether the daily proof is owed: the server says so, or the hospital's day is
 * another than that of the last one made here.
 */
export function selfTestOwed(serverSaysDue: boolean, lastDay: string | null, today: string): boolean {
  return serverSaysDue || lastDay !== today
}

export type KeyFault = 'missing' | 'too_small' | 'out_of_view' | 'hidden' | 'covered' | 'not_heard' | 'wrong_grade'

/** What a press of the worst face came to: no faults means the key works. */
export interface KeyProof {
  worked: boolean
  faults: KeyFault[]
}

/**
 * Presses 非常不满意 on the rating screen as it stands and watches what its
 * handler hears: `heard` is emptied, then filled by the screen. The key has to be
 * there, large enough, in view, visible, and not covered at its middle and
 * towards its corners.
 */
export function pressWorst(page: Document, heard: Grade[]): KeyProof {
  const faults: KeyFault[] = []
  const key = page.querySelector<HTMLElement>('[data-grade="1"]')
  if (!key) return { worked: false, faults: ['missing'] }
  const box = key.getBoundingClientRect()
  if (box.width < KEY_PIXELS || box.height < KEY_PIXELS) faults.push('too_small')
  const view = page.documentElement
  const inView = box.left >= 0 && box.top >= 0 && box.right <= view.clientWidth && box.bottom <= view.clientHeight
  if (!inView) faults.push('out_of_view')
  if (!isVisible(key)) faults.push('hidden')
  if (!uncovered(page, key, box)) faults.push('covered')
  heard.length = 0
  press(page.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2) ?? key, box)
  if (heard.length !== 1) faults.push('not_heard')
  else if (heard[0] !== 1) faults.push('wrong_grade')
  return { worked: faults.length === 0, faults }
}

function isVisible(key: HTMLElement): boolean {
  return key.checkVisibility?.({ opacityProperty: true, visibilityProperty: true }) ?? true
}

function uncovered(page: Document, key: HTMLElement, box: DOMRect): boolean {
  const points = [
    [0.5, 0.5],
    [0.2, 0.2],
    [0.8, 0.2],
    [0.2, 0.8],
    [0.8, 0.8],
  ] as const
  return points.every(([x, y]) => {
    const top = page.elementFromPoint(box.left + box.width * x, box.top + box.height * y)
    return top !== null && key.contains(top)
  })
}

function press(target: Element, box: DOMRect): void {
  const at = {
    bubbles: true,
    cancelable: true,
    composed: true,
    clientX: box.left + box.width / 2,
    clientY: box.top + box.height / 2,
  }
  const pointer = { ...at, pointerId: 99, pointerType: 'touch', isPrimary: true, button: 0 }
  target.dispatchEvent(new PointerEvent('pointerdown', pointer))
  target.dispatchEvent(new PointerEvent('pointerup', pointer))
  target.dispatchEvent(new MouseEvent('click', { ...at, detail: 1 }))
}
