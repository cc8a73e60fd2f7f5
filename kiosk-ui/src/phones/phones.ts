// The desk full of phones: asks what is new, keeps the open thread fresh, and
// hands in what is typed. It draws nothing.
import { type Api, ApiError } from '../desk/api'
import type { Failure, Phone, PhoneList, Thread } from './wire'

const PATH = '/api/v1/phones'

/** Rest between two questions, so that a campaign of thousands does not turn the page into a pump. */
export const REST_MS = 250
/** Rest after no answer, and after a no. */
export const AWAY_MS = 2_000

export type Link = 'loading' | 'live' | 'away' | 'forbidden' | 'absent'

export interface PhonesState {
  link: Link
  list: PhoneList | undefined
  /** The phone that is picked up; 0: none. */
  open: number
  thread: Thread | undefined
  /** Texts that came to each phone and were seen. */
  seen: ReadonlyMap<number, number>
  /** Phones that rang with the last change. */
  rang: readonly Phone[]
}

export interface PhonesOptions {
  api: Pick<Api, 'get' | 'post'>
  /** A new UUIDv7. */
  newId: () => string
  later: (run: () => void, ms: number) => void
  changed: (state: PhonesState) => void
  /** Picks up the newest phone when none is: on screens that show list and thread side by side. */
  pickUp: () => boolean
}

export const unread = (state: PhonesState, phone: Phone) => phone.received - (state.seen.get(phone.id) ?? 0)

export function createPhones(o: PhonesOptions) {
  let state: PhonesState = {
    link: 'loading',
    list: undefined,
    open: 0,
    thread: undefined,
    seen: new Map(),
    rang: [],
  }
  let stopped = false

  const set = (change: Partial<PhonesState>) => {
    state = { ...state, ...change }
    if (!stopped) o.changed(state)
  }

  async function ask(): Promise<void> {
    const known = state.list
    const query = known && state.link === 'live' ? `?after=${known.revision}&boot=${known.boot}` : ''
    let rest = REST_MS
    try {
      take(await o.api.get<PhoneList>(PATH + query))
      await readThread()
    } catch (error) {
      set({ link: linkAfter(error) })
      rest = AWAY_MS
    }
    if (!stopped) o.later(() => !stopped && void ask(), rest)
  }

  function take(list: PhoneList): void {
    const anew = state.list !== undefined && state.list.boot !== list.boot
    const seen = anew ? new Map<number, number>() : state.seen
    const before = anew ? [] : (state.list?.phones ?? [])
    const rang = list.phones.filter((p) => p.received > (before.find((old) => old.id === p.id)?.received ?? 0))
    let open = list.phones.some((p) => p.id === state.open) && !anew ? state.open : 0
    if (open === 0 && o.pickUp()) open = list.phones[0]?.id ?? 0
    const thread = open === state.open && !anew ? state.thread : undefined
    set({ link: 'live', list, seen, open, thread, rang: state.list ? rang : [] })
  }

  async function readThread(): Promise<void> {
    const phone = state.list?.phones.find((p) => p.id === state.open)
    if (!phone) return
    if (state.thread?.id === phone.id && state.thread.revision >= phone.revision) return
    const thread = await o.api.get<Thread>(`${PATH}/${phone.id}`)
    if (thread.id !== state.open) return
    set({ thread, seen: new Map(state.seen).set(thread.id, thread.received) })
  }

  /** Picks a phone up; 0 puts it down. */
  async function open(id: number): Promise<void> {
    if (id !== state.open) set({ open: id, thread: undefined })
    await readThread().catch(() => undefined) // the next question brings it
  }

  /** The id is made here and once, so that trying again types nothing twice. */
  async function reply(id: number, text: string): Promise<void> {
    const body = { id: o.newId(), text }
    const send = () => o.api.post(`${PATH}/${id}/replies`, body)
    try {
      await send()
    } catch (error) {
      if (error instanceof ApiError && error.status < 500) throw error
      await send()
    }
  }

  return {
    current: () => state,
    start: () => void ask(),
    stop: () => {
      stopped = true
    },
    open,
    reply,
    fail: (id: number, failure: Failure) => o.api.post(`${PATH}/${id}/failure`, { failure }),
    put: async (number: string) => open((await o.api.post<{ id: number }>(PATH, { number })).id),
  }
}

function linkAfter(error: unknown): Link {
  if (!(error instanceof ApiError)) return 'away'
  if (error.status === 401 || error.status === 403) return 'forbidden'
  return error.status === 404 ? 'absent' : 'away'
}
