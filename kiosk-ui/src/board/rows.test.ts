import { describe, expect, it } from 'vitest'
import type { Unit } from '../shared/wire'
import { paginate } from './paging'
import { blockHeight, blocks, rowsBeneath, WALL_ROWS, wallPages } from './rows'
import { shown, unit } from './testing'

describe('paginate', () => {
  it.each([
    ['all on one page', [2, 2, 2], 6, [[0, 3]]],
    [
      'cut where the room ends',
      [2, 2, 2],
      5,
      [
        [0, 2],
        [2, 3],
      ],
    ],
    [
      'a block taller than the room alone',
      [1, 9, 1],
      5,
      [
        [0, 1],
        [1, 2],
        [2, 3],
      ],
    ],
    ['nothing', [], 5, []],
  ])('%s', (_, heights, room, want) => {
    expect(paginate(heights, room).map(({ from, to }) => [from, to])).toEqual(want)
  })
})

const place = (id: string) => unit(id, shown(90, 20), { kind: 'window' })
const department = (id: string, places: number) =>
  unit(id, shown(90, 20), { places: Array.from({ length: places }, (_, i) => place(`${id}-${i}`)) })

describe('wall pages', () => {
  it('counts a row for each mode only when there are several', () => {
    const figure = shown(90, 20)
    expect(rowsBeneath(department('a', 3))).toHaveLength(3)
    expect(
      rowsBeneath({
        ...department('a', 3),
        modes: [
          { mode: 'window', figure },
          { mode: 'lobby', figure },
        ],
      }),
    ).toHaveLength(5)
  })

  it('lists a ward’s modes beneath the ward, and once', () => {
    const modes = [
      { mode: 'bedside' as const, figure: shown(95, 30) },
      { mode: 'sms_reply' as const, figure: shown(80, 10) },
    ]
    const ward = unit('w', shown(91, 40), { kind: 'ward', modes })
    const rows = (more: Partial<Unit>) =>
      rowsBeneath(unit('a', shown(91, 40), { modes, places: [ward], ...more })).map((r) => [r.key, r.mode, r.within])
    expect(rows({})).toEqual([
      ['w', undefined, false],
      ['w/bedside', 'bedside', true],
      ['w/sms_reply', 'sms_reply', true],
    ])
    const besides = [...modes, { mode: 'sms_link' as const, figure: shown(90, 12) }]
    expect(rows({ modes: besides }).map(([key]) => key)).toEqual([
      'a/bedside',
      'a/sms_reply',
      'a/sms_link',
      'w',
      'w/bedside',
      'w/sms_reply',
    ])
    expect(rows({ places: [{ ...ward, modes: modes.slice(0, 1) }] })).toEqual([
      ['a/bedside', 'bedside', false],
      ['a/sms_reply', 'sms_reply', false],
      ['w', 'bedside', false],
    ])
  })

  it('never puts more on a page than it has room for', () => {
    const all = blocks([{ group: 'listed', units: Array.from({ length: 24 }, (_, i) => department(`d${i}`, i % 3)) }])
    const { pages, withPlaces } = wallPages(all, 30, 6, true)
    expect(withPlaces).toBe(true)
    expect(pages.flat().map((b) => b.unit.id)).toEqual(all.map((b) => b.unit.id))
    for (const page of pages) {
      expect(page[0]?.opens).toBe(true)
      expect(page.reduce((sum, block) => sum + blockHeight(block, true, true), 0)).toBeLessThanOrEqual(30)
    }
  })

  it('lists departments alone when sixty with ten places each would turn for minutes', () => {
    const all = blocks([{ group: 'listed', units: Array.from({ length: 60 }, (_, i) => department(`d${i}`, 10)) }])
    const { pages, withPlaces } = wallPages(all, 30, 6, false)
    expect(withPlaces).toBe(false)
    expect(pages.length).toBeLessThanOrEqual(6)
    expect(pages[0]?.length).toBe(Math.floor(30 / WALL_ROWS.department))
  })
})
