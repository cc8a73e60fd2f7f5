import { describe, expect, it } from 'vitest'
import type { Account, Callback, Device } from './types'
import {
  accountState,
  agoWords,
  byDeviceNeed,
  byNextToDo,
  callPile,
  callWords,
  deviceState,
  dueUrgency,
  dueWords,
  exactDay,
  exactTime,
  matches,
  setAsideReason,
  shortTime,
  staffWords,
} from './words'

describe('a due date', () => {
  it.each([
    [-3, 'due.overdue', 3, 'now'],
    [-1, 'due.overdue', 1, 'now'],
    [0, 'due.today', undefined, 'look'],
    [2, 'due.left', 2, 'look'],
    [3, 'due.left', 3, 'calm'],
    [15, 'due.left', 15, 'calm'],
  ])('%i working days left reads as %s', (left, key, n, urgency) => {
    expect(dueWords(left)).toEqual({ key, with: n === undefined ? {} : { n } })
    expect(dueUrgency(left)).toBe(urgency)
  })

  it('is a day of the hospital, not of the laptop', () => {
    expect(exactDay('2026-11-24', 'zh')).toBe('2026年11月24日星期二')
    expect(exactDay(20261124, 'en')).toBe('Tue, 24 Nov 2026')
    expect(exactDay('soon', 'zh')).toBe('soon')
  })
})

describe('a time', () => {
  const now = Date.parse('2026-11-21T07:00:00.000Z')
  it('is the hospital’s clock', () => {
    expect(exactTime('2026-11-21T02:42:07.120Z', 'zh', 'Asia/Shanghai')).toBe('2026年11月21日 10:42')
    expect(exactTime('2026-11-21T02:42:07.120Z', 'zh', 'Asia/Urumqi')).toBe('2026年11月21日 08:42')
    expect(exactTime('never', 'zh', undefined)).toBe('')
  })
  it('drops the date on the same business day only', () => {
    expect(shortTime('2026-11-21T02:42:07.120Z', 'zh', now, 'Asia/Shanghai')).toBe('10:42')
    expect(shortTime('2026-11-20T15:59:00.000Z', 'zh', now, 'Asia/Shanghai')).toBe('11月20日 23:59')
    expect(shortTime('2026-11-20T16:01:00.000Z', 'zh', now, 'Asia/Shanghai')).toBe('00:01')
  })
  it.each([
    [undefined, 'ago.never'],
    ['0001-01-01T00:00:00Z', 'ago.never'],
    ['2026-11-21T06:59:30Z', 'ago.now'],
    ['2026-11-21T06:01:00Z', 'ago.minutes'],
    ['2026-11-21T02:00:00Z', 'ago.hours'],
    ['2026-11-18T02:00:00Z', 'ago.days'],
  ])('%s is %s', (at, key) => expect(agoWords(at, now).key).toBe(key))
})

const callback = (id: number, workdays_left: number, due_on: string, at: string) =>
  ({ id, workdays_left, due_on, at }) as Callback

it('puts the overdue call first, then the sooner due, then the older', () => {
  const list = [
    callback(1, 4, '2026-11-27', 'b'),
    callback(2, 4, '2026-11-27', 'a'),
    callback(3, -1, '2026-11-20', 'c'),
    callback(4, 0, '2026-11-21', 'd'),
  ]
  expect(list.sort(byNextToDo).map((c) => c.id)).toEqual([3, 4, 2, 1])
})

it.each([
  ['open', 15, 'due.call_today', 'look', 'today'],
  ['open', 0, 'due.call_today', 'look', 'today'],
  ['open', -1, 'due.overdue', 'now', 'overdue'],
  ['calling', 15, 'due.left', 'calm', 'open'],
  ['calling', 1, 'due.left', 'look', 'soon'],
] as const)('a call-back that is %s with %i working days left is %s', (state, left, key, urgency, pile) => {
  const c = { ...callback(1, left, '', ''), state }
  expect(callWords(c)).toMatchObject({ words: { key }, urgency })
  expect(callPile(c)).toBe(pile)
})

it('puts an untried call-back with a number before one without, and both before those tried', () => {
  const list = [
    { ...callback(1, 1, '', 'a'), state: 'calling', has_phone: true },
    { ...callback(2, 15, '', 'b'), state: 'open', has_phone: false },
    { ...callback(3, 15, '', 'c'), state: 'open', has_phone: true },
  ] as Callback[]
  expect(list.sort(byNextToDo).map((c) => c.id)).toEqual([3, 2, 1])
})

it('names who served the patient, by number alone where there is no name', () => {
  expect(staffWords('1024', '王芳')).toEqual({ key: 'callbacks.staff_named', with: { name: '王芳', number: '1024' } })
  expect(staffWords('4096')).toEqual({ key: 'callbacks.staff_number', with: { number: '4096' } })
})

const device = (name: string, more: Partial<Device>) => ({ name, online: true, faults: [], ...more }) as Device

describe('a device', () => {
  it('comes faulty, offline, well, revoked', () => {
    const list = [
      device('well', {}),
      device('revoked', { revoked_at: '2026-11-01T00:00:00Z', online: false, faults: ['no_self_test'] }),
      device('offline', { online: false }),
      device('faulty', { faults: ['no_self_test'] }),
    ]
    expect(list.sort(byDeviceNeed).map((d) => d.name)).toEqual(['faulty', 'offline', 'well', 'revoked'])
  })
  it('says the worst fault first', () => {
    expect(deviceState(device('x', { faults: ['no_self_test', 'shared_key'] })).words.key).toBe(
      'fault.shared_key.short',
    )
    expect(deviceState(device('x', { online: false })).urgency).toBe('look')
    expect(deviceState(device('x', { revoked_at: 'x', faults: ['shared_key'] })).urgency).toBe('past')
  })
})

describe('an account', () => {
  const now = Date.parse('2026-11-21T07:00:00Z')
  it.each([
    [{ disabled: true, locked_until: '2026-11-21T08:00:00Z' }, 'disabled'],
    [{ locked_until: '2026-11-21T07:00:01Z' }, 'locked'],
    [{ locked_until: '2026-11-21T06:59:59Z' }, 'active'],
    [{ must_change_password: true }, 'must_change'],
  ])('%j is %s', (more, state) => expect(accountState(more as Account, now)).toBe(state))
})

it('finds every word, in any field', () => {
  expect(matches('骨科 疼', '骨科病区', '疼得一夜没睡')).toBe(true)
  expect(matches('骨科 药', '骨科病区', undefined)).toBe(false)
  expect(matches('', 'x')).toBe(true)
})

it('keeps to the reasons it knows', () => {
  expect(setAsideReason('conflict')).toBe('setaside.reason.conflict')
  expect(setAsideReason('tag 2 is not a name')).toBe('setaside.reason.invalid')
})
