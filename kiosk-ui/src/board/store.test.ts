import { describe, expect, it } from 'vitest'
import type { Arrival, Delta, Snapshot } from '../shared/wire'
import { ARRIVALS_KEPT, apply, type Board } from './store'
import { shown, unit } from './testing'

const arrival = (place: string): Arrival => ({
  at: '2026-11-21T02:42:07.120Z',
  department: 'd',
  place,
  grade: 5,
  series: 'asked',
})

const snapshot: Snapshot = {
  type: 'snapshot',
  epoch: 'e1',
  offset: 10,
  period: 'today',
  as_of: '2026-11-21T02:42:00.000Z',
  behind: false,
  audience: 'office',
  zone: 'Asia/Shanghai',
  min_answers: 12,
  hospital: unit('hospital', shown(90, 100)),
  departments: [unit('a', shown(80, 20)), unit('b', shown(95, 30))],
  arrivals: [arrival('w1')],
  callbacks: { open: 1, overdue: 0, done_today: 2, list: [] },
  devices: [],
}

const delta = (more: Partial<Delta>): Delta => ({
  type: 'delta',
  epoch: 'e1',
  offset: 12,
  previous: 10,
  as_of: '2026-11-21T02:43:00.000Z',
  behind: false,
  ...more,
})

function held(): Board {
  const { board } = apply(null, snapshot)
  if (!board) throw new Error('a snapshot makes a board')
  return board
}

describe('apply', () => {
  it('takes a snapshot whole', () => {
    const board = held()
    expect(board).toMatchObject({ epoch: 'e1', offset: 10, period: 'today', behind: false, audience: 'office' })
    expect(board).toMatchObject({ zone: 'Asia/Shanghai', minAnswers: 12 })
    expect(board.departments.map((u) => u.id)).toEqual(['a', 'b'])
  })

  it('replaces changed units and keeps the identity of the others', () => {
    const before = held()
    const changed = unit('b', shown(60, 31))
    const { board, gap } = apply(before, delta({ departments: [changed] }))
    expect(gap).toBe(false)
    expect(board?.offset).toBe(12)
    expect(board?.departments[0]).toBe(before.departments[0])
    expect(board?.departments[1]).toBe(changed)
    expect(board?.hospital).toBe(before.hospital)
    expect(before.departments[1]?.figure.score).toBe(95)
  })

  it('appends a department it did not know', () => {
    const { board } = apply(held(), delta({ departments: [unit('c', shown(70, 10))] }))
    expect(board?.departments.map((u) => u.id)).toEqual(['a', 'b', 'c'])
  })

  it('takes the time and whether counting is behind from every delta', () => {
    const { board } = apply(held(), delta({ behind: true }))
    expect(board).toMatchObject({ behind: true, asOf: '2026-11-21T02:43:00.000Z' })
  })

  it.each([
    ['a delta that skips one', delta({ previous: 11 })],
    ['a delta that was already applied', delta({ previous: 8, offset: 10 })],
    ['another epoch', delta({ epoch: 'e2' })],
  ])('sees a gap in %s and changes nothing', (_, frame) => {
    const before = held()
    expect(apply(before, frame)).toEqual({ board: before, gap: true })
  })

  it('sees a gap in a delta before any snapshot', () => {
    expect(apply(null, delta({}))).toEqual({ board: null, gap: true })
  })

  it('is healed by a snapshot of another epoch', () => {
    const { board, gap } = apply(held(), { ...snapshot, epoch: 'e2', offset: 3 })
    expect(gap).toBe(false)
    expect(board).toMatchObject({ epoch: 'e2', offset: 3 })
  })

  it('keeps the last twelve arrivals, newest first, each with a key of its own', () => {
    let board: Board | null = held()
    for (let i = 0; i < 15; i++) {
      board = apply(
        board,
        delta({ previous: 10 + i, offset: 11 + i, arrivals: [arrival(`n${i}b`), arrival(`n${i}a`)] }),
      ).board
    }
    expect(board?.arrivals).toHaveLength(ARRIVALS_KEPT)
    expect(board?.arrivals[0]?.place).toBe('n14b')
    expect(board?.arrivals[1]?.place).toBe('n14a')
    expect(new Set(board?.arrivals.map((a) => a.key)).size).toBe(ARRIVALS_KEPT)
  })

  it('takes call-backs and devices whole, and keeps them when a delta has none', () => {
    const callbacks = { open: 0, overdue: 0, done_today: 3, list: [] }
    const after = apply(held(), delta({ callbacks })).board
    expect(after?.callbacks).toEqual(callbacks)
    expect(apply(after ?? null, delta({ previous: 12, offset: 13 })).board?.callbacks).toEqual(callbacks)
  })

  it('shows a department head no call-backs and no arrivals', () => {
    const { arrivals: _a, callbacks: _c, devices: _d, ...bare } = snapshot
    const { board } = apply(null, { ...bare, audience: 'department' })
    expect(board).toMatchObject({ arrivals: [], callbacks: null, devices: [] })
  })
})
