// One try at something the gateway may refuse: one at a time, and what went
// wrong is kept until the next.
import { onScopeDispose, type Ref, ref } from 'vue'
import { useDesk, useWords } from './context'

export interface Attempt {
  working: Ref<boolean>
  /** Of the last try; null when it went well. */
  error: Ref<unknown>
  /** Whether it went well; false too when another is still under way, and this one was left out. */
  attempt(run: () => Promise<void>): Promise<boolean>
}

export function useAttempt(): Attempt {
  const working = ref(false)
  const error = ref<unknown>(null)
  const attempt = async (run: () => Promise<void>) => {
    if (working.value) return false
    working.value = true
    error.value = null
    try {
      await run()
      return true
    } catch (failure) {
      error.value = failure
      return false
    } finally {
      working.value = false
    }
  }
  return { working, error, attempt }
}

/** Changes something, and offers the change back for a while. */
export function useUndoable(
  changed: () => void,
): (path: string, to: object, back: object, told: string) => Promise<void> {
  const desk = useDesk()
  const { t } = useWords()
  return async (path, to, back, told) => {
    await desk.api.patch(path, to)
    desk.notices.tell(told, async () => {
      await desk.api.patch(path, back)
      desk.notices.tell(t('common.undone'))
      changed()
    })
  }
}

/** How long something a patient gave stays on the screen. */
export const SHOWN_SECONDS = 120

export interface Shown<T> extends Attempt {
  /** Undefined while it is put away. */
  value: Ref<T | undefined>
  /** Seconds until it is put away. */
  left: Ref<number>
  show(): Promise<boolean>
  hide(): void
}

/** Something personal: fetched when asked for, and put away again after a while or with the component. */
export function useShown<T>(fetch: () => Promise<T>): Shown<T> {
  const { working, error, attempt } = useAttempt()
  const value = ref<T>() as Ref<T | undefined>
  const left = ref(0)
  let timer: ReturnType<typeof setInterval> | undefined
  let gone = false
  const hide = () => {
    value.value = undefined
    clearInterval(timer)
  }
  onScopeDispose(() => {
    gone = true
    hide()
  })
  const show = () =>
    attempt(async () => {
      const got = await fetch()
      if (gone) return
      value.value = got
      left.value = SHOWN_SECONDS
      clearInterval(timer)
      timer = setInterval(() => {
        left.value--
        if (left.value <= 0) hide()
      }, 1000)
    })
  return { working, error, attempt, value, left, show, hide }
}
