import { type InjectionKey, inject, type Ref, type ShallowRef } from 'vue'
import type { State } from './session'
import type { SpeechState } from './speech'
import type { Tablet } from './tablet'

/** What every part of the screen may read and do. */
export interface TabletContext {
  tablet: Tablet
  state: Readonly<ShallowRef<State>>
  /** This device's clock, moved with every tick. */
  now: Readonly<Ref<number>>
  speech: Readonly<Ref<SpeechState>>
  canSpeak: boolean
  readAloud: () => void
  /** Staff want a tablet that is out of service to try again. */
  again: () => void
}

export const TABLET: InjectionKey<TabletContext> = Symbol('tablet')

export function useTablet(): TabletContext {
  const context = inject(TABLET)
  if (!context) throw new Error('useTablet outside the tablet page')
  return context
}
