// The keyboard: one key press, what stands behind it, and what it means.
import { SECTIONS, type SectionId } from './permissions'

export type Command =
  | { do: 'next' }
  | { do: 'previous' }
  | { do: 'open' }
  | { do: 'back' }
  | { do: 'search' }
  | { do: 'help' }
  | { do: 'prefix' }
  | { do: 'section'; section: SectionId }

export interface Press {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  altKey: boolean
  isComposing: boolean
}

export interface Where {
  /** The focus is in a field that takes text. */
  typing: boolean
  /** The focus is on a button, link or option that enter and space belong to. */
  onControl: boolean
  /** `g` was the key before. */
  afterG: boolean
}

/** What the press asks for, or nothing: then it is left to the browser. */
export function commandOf(press: Press, where: Where): Command | undefined {
  if (press.isComposing || press.ctrlKey || press.metaKey || press.altKey) return undefined
  if (press.key === 'Escape') return { do: 'back' }
  if (where.typing) return undefined
  if (where.afterG) {
    const section = SECTIONS.find((s) => s.key === press.key)
    return section ? { do: 'section', section: section.id } : undefined
  }
  switch (press.key) {
    case 'j':
      return { do: 'next' }
    case 'k':
      return { do: 'previous' }
    case 'Enter':
      return where.onControl ? undefined : { do: 'open' }
    case '/':
      return { do: 'search' }
    case '?':
      return { do: 'help' }
    case 'g':
      return { do: 'prefix' }
  }
  return undefined
}

export function whereIs(element: Element | null, afterG: boolean): Where {
  const tag = element?.tagName ?? ''
  const type = element?.getAttribute('type') ?? ''
  const ticked = tag === 'INPUT' && ['checkbox', 'radio', 'button', 'submit'].includes(type)
  return {
    typing: !ticked && ['INPUT', 'TEXTAREA', 'SELECT'].includes(tag),
    onControl: ticked || ['BUTTON', 'A', 'SUMMARY'].includes(tag),
    afterG,
  }
}

/** The id one step on; at the ends it stays. Nothing selected: the first. */
export function stepId(ids: readonly string[], current: string, step: 1 | -1): string {
  if (ids.length === 0) return ''
  const at = ids.indexOf(current)
  if (at < 0) return ids[0] ?? ''
  return ids[Math.min(ids.length - 1, Math.max(0, at + step))] ?? ''
}
