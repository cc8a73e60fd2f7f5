// What waits for a person today, from the lists this account may read. A list
// that fails is named and leaves the others standing.
import { type Api, listOf } from './api'
import { countClosedToday, readOpen } from './callbacks'
import type { SectionId } from './permissions'
import type { Callback, Device, SetAside } from './types'
import { byDeviceNeed } from './words'

export interface Todo {
  /** Open call-backs, the next to do first; absent: not this account's work. */
  callbacks?: Callback[]
  closedToday: number
  faulty: Device[]
  offline: Device[]
  devices: number
  waiting: number
  setAside?: number
  failed: SectionId[]
}

export async function readTodo(
  api: Api,
  permissions: readonly string[],
  zone: string | undefined,
  now: () => number = Date.now,
): Promise<Todo> {
  const todo: Todo = { closedToday: 0, faulty: [], offline: [], devices: 0, waiting: 0, failed: [] }
  const parts: [SectionId, string, () => Promise<void>][] = [
    ['callbacks', 'callbacks.work', () => readCallbacks(api, todo, now(), zone)],
    ['devices', 'devices.view', () => readDevices(api, todo)],
    ['set-aside', 'set_aside.work', () => readSetAside(api, todo)],
  ]
  const mine = parts.filter(([, permission]) => permissions.includes(permission))
  const results = await Promise.allSettled(mine.map(([, , read]) => read()))
  const errors = results.flatMap((r) => (r.status === 'rejected' ? [r.reason as unknown] : []))
  if (mine.length > 0 && errors.length === mine.length) throw errors[0]
  todo.failed = mine.filter((_, i) => results[i]?.status === 'rejected').map(([section]) => section)
  return todo
}

async function readCallbacks(api: Api, todo: Todo, now: number, zone: string | undefined): Promise<void> {
  const [open, closedToday] = await Promise.all([readOpen(api), countClosedToday(api, now, zone)])
  todo.callbacks = open.items
  todo.closedToday = closedToday
}

async function readDevices(api: Api, todo: Todo): Promise<void> {
  const answer = await api.get<{ waiting?: number }>('/api/v1/devices')
  const used = listOf<Device>(answer, 'devices')
    .map((d) => ({ ...d, faults: d.faults ?? [] }))
    .filter((d) => !d.revoked_at)
    .sort(byDeviceNeed)
  todo.devices = used.length
  todo.faulty = used.filter((d) => d.faults.length > 0)
  todo.offline = used.filter((d) => d.faults.length === 0 && !d.online)
  todo.waiting = answer.waiting ?? 0
}

async function readSetAside(api: Api, todo: Todo): Promise<void> {
  todo.setAside = listOf<SetAside>(await api.get('/api/v1/set-aside'), 'set_aside').filter((s) => !s.resolved_at).length
}
