import { type InjectionKey, inject, type Ref } from 'vue'
import type { Session, State } from './session'

export interface Page {
  session: Session
  state: Ref<State>
  /** A screen in the hospital's lobby that many people use. */
  lobby: boolean
  hotline: Ref<string>
}

export const PAGE: InjectionKey<Page> = Symbol('phone page')

/** The survey on this page; only inside App's survey screens. */
export function usePage(): Page {
  const page = inject(PAGE)
  if (!page) throw new Error('no survey on this page')
  return page
}
