import { describe, expect, it, vi } from 'vitest'
import { messageKeys } from '../shared/i18n'
import { agenda } from './agenda'
import type { Api } from './api'
import { ApiError } from './api'
import { commandOf, stepId, whereIs } from './keys'
import en from './messages/en'
import zh from './messages/zh'
import { createNotices } from './notices'
import { KNOWN_PERMISSIONS, mayOpen, permissionKey, SECTIONS, sectionsFor } from './permissions'
import { parseRoute, routeHash } from './router'
import { readTodo } from './todo'
import type { WindowKind } from './types'

describe('the two languages', () => {
  it('say the same things', () => expect(messageKeys(en)).toEqual(messageKeys(zh)))
  it('name every permission and section', () => {
    const keys = messageKeys(zh)
    expect(KNOWN_PERMISSIONS.map(permissionKey).filter((k) => !keys.includes(k))).toEqual([])
    expect(SECTIONS.map((s) => `section.${s.id}`).filter((k) => !keys.includes(k))).toEqual([])
  })
  it('name every kind of transaction', () => {
    const kinds: Record<WindowKind, true> = {
      registration: true,
      settlement: true,
      admission: true,
      discharge: true,
      pharmacy: true,
    }
    expect(Object.keys(zh.transaction).sort()).toEqual(Object.keys(kinds).sort())
  })
  it('fill in the same places', () => {
    const holes = (messages: object) =>
      Object.fromEntries(
        messageKeys(messages as never).map((key) => {
          const text = key.split('.').reduce((at, part) => (at as never)[part], messages as unknown) as string
          return [key, [...new Set(text.match(/\{\w+\}/g))].sort()]
        }),
      )
    expect(holes(en)).toEqual(holes(zh))
  })
})

describe('permissions', () => {
  it.each([
    ['a department head', ['board.view'], ['overview', 'me']],
    ['a conduct officer', ['callbacks.work', 'set_aside.work'], ['overview', 'callbacks', 'set-aside', 'me']],
    ['IT', ['devices.view', 'devices.manage', 'tokens.manage'], ['overview', 'devices', 'tokens', 'me']],
  ])('%s sees only what the account allows', (_, permissions, sections) => {
    expect(sectionsFor(permissions)).toEqual(sections)
  })
  it('keeps a known address from opening what is not allowed', () => {
    expect(mayOpen('audit', ['board.view'])).toBe(false)
    expect(mayOpen('audit', ['audit.view'])).toBe(true)
  })
})

describe('the address', () => {
  it.each([
    ['', { section: 'overview', id: '' }],
    ['#/callbacks', { section: 'callbacks', id: '' }],
    ['#/devices/019a-b', { section: 'devices', id: '019a-b' }],
    ['#/nowhere/1', { section: 'overview', id: '' }],
    ['#/tokens/%E0%A4%A', { section: 'tokens', id: '' }],
  ])('%s', (hash, route) => expect(parseRoute(hash)).toEqual(route))
  it('comes back as it went', () => {
    const route = { section: 'devices' as const, id: 'a/b c' }
    expect(parseRoute(routeHash(route))).toEqual(route)
  })
})

describe('the keyboard', () => {
  const press = (key: string, more = {}) => ({
    key,
    ctrlKey: false,
    metaKey: false,
    altKey: false,
    isComposing: false,
    ...more,
  })
  const free = { typing: false, onControl: false, afterG: false }
  it.each([
    ['j', free, { do: 'next' }],
    ['k', free, { do: 'previous' }],
    ['Enter', free, { do: 'open' }],
    ['Enter', { ...free, onControl: true }, undefined],
    ['/', free, { do: 'search' }],
    ['?', free, { do: 'help' }],
    ['j', { ...free, typing: true }, undefined],
    ['Escape', { ...free, typing: true }, { do: 'back' }],
    ['c', { ...free, afterG: true }, { do: 'section', section: 'callbacks' }],
    ['c', free, undefined],
  ])('%s', (key, where, command) => expect(commandOf(press(key), where)).toEqual(command))
  it('leaves the browser’s own keys and half-written Chinese alone', () => {
    expect(commandOf(press('k', { ctrlKey: true }), free)).toBeUndefined()
    expect(commandOf(press('Escape', { isComposing: true }), free)).toBeUndefined()
  })
  it('knows a text field from a tick box', () => {
    const make = (html: string) => {
      const holder = document.createElement('div')
      holder.innerHTML = html
      return whereIs(holder.firstElementChild, false)
    }
    expect(make('<textarea></textarea>').typing).toBe(true)
    expect(make('<input type="search">').typing).toBe(true)
    expect(make('<input type="radio">')).toMatchObject({ typing: false, onControl: true })
    expect(make('<a href="#"></a>').onControl).toBe(true)
  })
  it('steps and stays at the ends', () => {
    expect(stepId(['a', 'b'], 'a', 1)).toBe('b')
    expect(stepId(['a', 'b'], 'b', 1)).toBe('b')
    expect(stepId(['a', 'b'], 'gone', -1)).toBe('a')
    expect(stepId([], 'a', 1)).toBe('')
  })
})

describe('today', () => {
  const now = Date.parse('2026-11-21T01:00:00Z')
  const lists: Record<string, unknown> = {
    '/api/v1/callbacks?state=open&limit=500': {
      callbacks: [5, -1, 1, 15].map((left, id) => ({
        id,
        workdays_left: left,
        due_on: String(left),
        at: '',
        state: left === 15 ? 'open' : 'calling',
      })),
    },
    '/api/v1/callbacks?state=done&limit=100': {
      callbacks: [{ closed_at: '2026-11-20T16:30:00Z' }, { closed_at: '2026-11-20T15:30:00Z' }],
    },
    '/api/v1/devices': { devices: [{ name: 'a', online: false, faults: null }], waiting: 2 },
    '/api/v1/set-aside': { set_aside: [{ id: 1 }, { id: 2, resolved_at: '2026-11-20T16:30:00Z' }] },
  }
  const api = (broken: string[] = []) =>
    ({
      get: vi.fn((path: string) =>
        broken.some((b) => path.includes(b))
          ? Promise.reject(new ApiError(500, 'internal', ''))
          : Promise.resolve(lists[path]),
      ),
    }) as unknown as Api
  const all = ['callbacks.work', 'devices.view', 'devices.manage', 'set_aside.work']

  it('lists what waits, the most pressing first', async () => {
    const todo = await readTodo(api(), all, 'Asia/Shanghai', () => now)
    expect(todo.callbacks?.map((c) => c.id)).toEqual([1, 3, 2, 0])
    expect(todo.closedToday).toBe(1)
    expect(agenda(todo, all).map((l) => [l.id, l.n])).toEqual([
      ['callbacks_overdue', 1],
      ['callbacks_today', 1],
      ['callbacks_soon', 1],
      ['waiting', 2],
      ['callbacks_open', 1],
      ['devices_offline', 1],
      ['set_aside', 1],
    ])
  })
  it('asks only for what the account may read', async () => {
    const asked = api()
    const todo = await readTodo(asked, ['devices.view'], 'Asia/Shanghai', () => now)
    expect(vi.mocked(asked.get).mock.calls).toEqual([['/api/v1/devices']])
    expect(agenda(todo, ['devices.view']).map((l) => l.id)).toEqual(['devices_offline'])
  })
  it('shows the rest when one list fails, and fails when all do', async () => {
    const todo = await readTodo(api(['set-aside']), all, 'Asia/Shanghai', () => now)
    expect(todo.failed).toEqual(['set-aside'])
    expect(todo.devices).toBe(1)
    await expect(readTodo(api(['/']), all, 'Asia/Shanghai', () => now)).rejects.toBeInstanceOf(ApiError)
  })
})

describe('notices', () => {
  it('go by themselves, later when there is something to undo', async () => {
    const later: [() => void, number][] = []
    const notices = createNotices((run, ms) => later.push([run, ms]))
    const undo = vi.fn()
    notices.tell('saved')
    notices.tell('disabled', undo)
    expect((later[1]?.[1] ?? 0) > (later[0]?.[1] ?? 0)).toBe(true)
    later[0]?.[0]()
    expect(notices.list.value.map((n) => n.text)).toEqual(['disabled'])
    const id = notices.list.value[0]?.id ?? 0
    await notices.undo(id)
    await notices.undo(id)
    expect(undo).toHaveBeenCalledTimes(1)
    expect(notices.list.value).toEqual([])
  })
})
