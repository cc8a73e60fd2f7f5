// The lines of "today", the most pressing first; what is in order has no line.
import { routeHash } from './router'
import type { Todo } from './todo'
import type { Urgency } from './words'
import { callPile } from './words'

export interface AgendaLine {
  /** Also the message key under `overview`. */
  id:
    | 'callbacks_overdue'
    | 'callbacks_today'
    | 'callbacks_soon'
    | 'callbacks_open'
    | 'devices_faulty'
    | 'devices_offline'
    | 'waiting'
    | 'set_aside'
  n: number
  urgency: Urgency
  href: string
}

export function agenda(todo: Todo, permissions: readonly string[]): AgendaLine[] {
  const calls = todo.callbacks ?? []
  const on = (pile: ReturnType<typeof callPile>) => calls.filter((c) => callPile(c) === pile).length
  const callbacks = routeHash({ section: 'callbacks', id: '' })
  const devices = routeHash({ section: 'devices', id: '' })
  const lines: AgendaLine[] = [
    { id: 'callbacks_overdue', n: on('overdue'), urgency: 'now', href: callbacks },
    { id: 'devices_faulty', n: todo.faulty.length, urgency: 'now', href: devices },
    { id: 'callbacks_today', n: on('today'), urgency: 'look', href: callbacks },
    { id: 'callbacks_soon', n: on('soon'), urgency: 'look', href: callbacks },
    { id: 'waiting', n: todo.waiting, urgency: 'look', href: routeHash({ section: 'devices', id: 'new' }) },
    { id: 'callbacks_open', n: on('open'), urgency: 'calm', href: callbacks },
    { id: 'devices_offline', n: todo.offline.length, urgency: 'look', href: devices },
    { id: 'set_aside', n: todo.setAside ?? 0, urgency: 'calm', href: routeHash({ section: 'set-aside', id: '' }) },
  ]
  return lines.filter((l) => l.n > 0 && (l.id !== 'waiting' || permissions.includes('devices.manage')))
}
