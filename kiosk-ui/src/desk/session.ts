// Who is signed in, and what happens when the session ends in the middle of
// work: requests wait, the sign-in page comes up over the work, and the same
// person goes on where they were. Another person starts afresh.
import { type Ref, ref } from 'vue'
import { type Api, ApiError, type ApiOptions, createApi, OfflineError } from './api'
import type { Session } from './types'

export type Phase = 'loading' | 'unreachable' | 'signed_out' | 'signed_in' | 'expired'

export interface SessionStore {
  api: Api
  phase: Ref<Phase>
  session: Ref<Session | null>
  /** Goes up whenever work must not be carried over to the next person. */
  generation: Ref<number>
  /** Somebody else signed in over another's unfinished work. */
  replaced: Ref<boolean>
  load(): Promise<void>
  signIn(username: string, password: string): Promise<void>
  signOut(): Promise<void>
  changePassword(current: string, next: string): Promise<void>
}

const PATH = '/api/v1/session'

export interface SessionOptions extends Omit<ApiOptions, 'onExpired'> {
  /**
   * Whether requests that met the end of the session are sent once the same
   * person is back; true unless told. False where a late one would do harm.
   */
  resume?: boolean
}

export function createSession(options: SessionOptions): SessionStore {
  const phase = ref<Phase>('loading')
  const session = ref<Session | null>(null) as Ref<Session | null>
  const generation = ref(0)
  const replaced = ref(false)
  let waiting: ((again: boolean) => void)[] = []

  const onExpired = () => {
    if (phase.value === 'signed_in') phase.value = 'expired'
    if (phase.value !== 'expired' || options.resume === false) return Promise.resolve(false)
    return new Promise<boolean>((resolve) => waiting.push(resolve))
  }
  const api = createApi({ ...options, onExpired })

  const settle = (again: boolean) => {
    const all = waiting
    waiting = []
    for (const resolve of all) resolve(again)
  }

  const load = async () => {
    try {
      session.value = await api.get<Session>(PATH)
      phase.value = 'signed_in'
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) phase.value = 'signed_out'
      else if (error instanceof OfflineError || error instanceof ApiError) phase.value = 'unreachable'
      else throw error
    }
  }

  const signIn = async (username: string, password: string) => {
    const answer = await api.post<Partial<Session>>(PATH, { username, password })
    const next =
      answer.account && answer.permissions
        ? { account: answer.account, permissions: answer.permissions, sections: answer.sections ?? [] }
        : await api.get<Session>(PATH)
    const same = phase.value === 'expired' && session.value?.account.id === next.account.id
    if (!same) {
      replaced.value = phase.value === 'expired'
      generation.value++
    }
    session.value = next
    phase.value = 'signed_in'
    settle(same)
  }

  const signOut = async () => {
    try {
      await api.delete(PATH)
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error
    }
    session.value = null
    generation.value++
    replaced.value = false
    phase.value = 'signed_out'
    settle(false)
  }

  const changePassword = async (current: string, next: string) => {
    await api.post(`${PATH}/password`, { current, new: next })
    session.value = await api.get<Session>(PATH)
  }

  return { api, phase, session, generation, replaced, load, signIn, signOut, changePassword }
}
