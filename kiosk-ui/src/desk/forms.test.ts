import { describe, expect, it } from 'vitest'
import {
  approvalBody,
  checkAccount,
  checkApproval,
  checkNote,
  checkOutcome,
  checkPassword,
  checkToken,
  curlExample,
  normalCode,
  shownCode,
} from './forms'
import type { Approval } from './types'

describe('the pairing code', () => {
  it.each([
    ['k7pm-3xq2', 'K7PM3XQ2'],
    [' K7PM 3XQ2 ', 'K7PM3XQ2'],
    ['Ｋ７ＰＭ－３ＸＱ２', 'K7PM3XQ2'],
  ])('%s is %s', (typed, code) => expect(normalCode(typed)).toBe(code))
  it('is shown as the screen shows it', () => {
    expect(shownCode('k7pm3xq2')).toBe('K7PM-3XQ2')
    expect(shownCode('k7p')).toBe('K7P')
  })
})

const approval = (more: Partial<Approval> = {}): Approval => ({
  code: 'k7pm-3xq2',
  kind: 'window_tablet',
  place: 'settlement-1',
  name: '收费1号窗平板',
  mirrored: true,
  ...more,
})

describe('adding a screen', () => {
  it.each([
    ['everything in place', {}, {}],
    ['no code', { code: ' ' }, { code: 'form.code_missing' }],
    ['a short code', { code: 'K7PM' }, { code: 'form.code_length' }],
    ['a sign that is not in the alphabet', { code: 'K7PM3XO2' }, { code: 'form.code_lookalike' }],
    ['no place', { place: '' }, { place: 'form.place_missing' }],
    ['a wall board, which stands at none', { kind: 'wall_board' as const, place: '' }, {}],
    ['no name', { name: '  ' }, { name: 'form.name_missing' }],
    ['too long a name', { name: '窗'.repeat(81) }, { name: 'form.name_long' }],
  ])('%s', (_, more, problems) => expect(checkApproval(approval(more))).toEqual(problems))

  it('sends nothing its kind has no use for', () => {
    expect(approvalBody(approval({ bed: '12' }))).toEqual({
      code: 'K7PM3XQ2',
      kind: 'window_tablet',
      place: 'settlement-1',
      name: '收费1号窗平板',
      mirrored: true,
    })
    expect(approvalBody(approval({ kind: 'bedside_tablet', place: 'cardiology-ward', bed: '12' })).bed).toBe('12')
    const board = approvalBody(approval({ kind: 'wall_board' }))
    expect(board).toEqual({ code: 'K7PM3XQ2', kind: 'wall_board', name: '收费1号窗平板', mirrored: false })
  })
})

describe('a new password', () => {
  it.each([
    ['fine', 'old', '清风徐来水波不兴白露横江', '清风徐来水波不兴白露横江', {}],
    ['short', 'old', 'elevenchars', 'elevenchars', { next: 'form.password_short' }],
    ['the same', 'twelve-chars', 'twelve-chars', 'twelve-chars', { next: 'form.password_same' }],
    ['typed differently', 'old', 'twelve-chars', 'twelve-char', { again: 'form.password_differs' }],
    ['nothing to prove who asks', '', 'twelve-chars', 'twelve-chars', { current: 'form.password_current_missing' }],
  ])('%s', (_, current, next, again, problems) => expect(checkPassword(current, next, again)).toEqual(problems))
})

describe('an account', () => {
  const form = { username: 'zhangmin', name: '张敏', roles: ['head'], department: 'cardiology' }
  it.each([
    ['fine', form, {}],
    ['a name in Chinese is a username too', { ...form, username: '张敏' }, {}],
    ['spaces in the username', { ...form, username: 'zhang min' }, { username: 'form.username_shape' }],
    ['no role', { ...form, roles: [] }, { roles: 'form.roles_missing' }],
    ['a department’s role without one', { ...form, department: '' }, { department: 'form.department_needed' }],
    ['an office role without one', { ...form, roles: ['officer'], department: '' }, {}],
  ])('%s', (_, form, problems) => expect(checkAccount(form, ['head'])).toEqual(problems))
})

describe('the rest', () => {
  it('wants windows unless all are meant', () => {
    expect(checkToken({ label: 'HIS', all: true, windows: [] })).toEqual({})
    expect(checkToken({ label: 'HIS', all: false, windows: [] })).toEqual({ windows: 'form.windows_missing' })
    expect(checkToken({ label: '', all: true, windows: [] })).toEqual({ label: 'form.name_missing' })
  })
  it('wants what a reached patient said', () => {
    expect(checkOutcome({ outcome: 'no_answer', note: '', close: false })).toEqual({})
    expect(checkOutcome({ outcome: 'reached', note: ' ', close: true })).toEqual({ note: 'form.note_reached' })
    expect(checkOutcome({ outcome: '', note: '好', close: true })).toEqual({ outcome: 'form.outcome_missing' })
    expect(checkOutcome({ outcome: 'declined', note: '好'.repeat(2001), close: true })).toEqual({
      note: 'form.note_long',
    })
  })
  it('wants a judgement', () => {
    expect(checkNote(' ')).toEqual({ note: 'form.note_missing' })
    expect(checkNote('连点两次')).toEqual({})
  })
  it('shows a call that can be pasted', () => {
    expect(curlExample('https://h.example', 'pharmacy-1', 'pharmacy', 'abc')).toBe(
      [
        'curl -X POST https://h.example/api/v1/windows/pharmacy-1/transactions \\',
        "  -H 'Authorization: Bearer abc' \\",
        "  -H 'Content-Type: application/json' \\",
        `  -d '{"transaction":"88121","kind":"pharmacy","staff":"1024"}'`,
      ].join('\n'),
    )
  })
})
