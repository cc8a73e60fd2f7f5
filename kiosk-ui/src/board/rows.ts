import type { Mode, Unit } from '../shared/wire'
import type { Arranged, Group } from './order'
import { paginate } from './paging'

/** Heights of the list's parts on the wall, in rem; board.css draws to the same numbers through --row and its like. */
export const WALL_ROWS = { group: 2, department: 2.5, place: 1.6, gap: 0.3 } as const

/** A department as the list shows it: with the heading above it, if it opens a group. */
export interface Block {
  unit: Unit
  group: Group
  opens: boolean
}

/** Departments in order, each knowing whether it opens its group. */
export function blocks(groups: readonly Arranged[]): Block[] {
  return groups.flatMap(({ group, units }) => units.map((unit, i) => ({ unit, group, opens: i === 0 })))
}

/** A row beneath a department: a mode of it, a place, or a mode of that place. */
export interface Row {
  key: string
  unit: Unit
  level: 'mode' | 'place'
  /** The mode the row is of; a place has one when it is the only one it has. */
  mode?: Mode | undefined
  /** Whether the row stands beneath a place. */
  within: boolean
}

const NO_UNASKED: Unit['unasked'] = { offered: 0, answered: 0, response_rate: null, shown: false, withheld: 'no_data' }

/**
 * The rows beneath a department: each of its modes when it has several, then its
 * places, each with its modes in the same way. A department whose only place has
 * all its answers leaves the modes to the place.
 */
export function rowsBeneath(unit: Unit): Row[] {
  const places = unit.places ?? []
  const [first] = places
  const said = places.length === 1 && first !== undefined && sameAnswers(unit, first)
  const several = unit.modes.length > 1
  return [
    ...(said ? [] : modeRows(unit, false)),
    ...places.flatMap((place) => {
      const mode = several && place.modes.length === 1 ? place.modes[0]?.mode : undefined
      return [{ key: place.id, unit: place, level: 'place' as const, mode, within: false }, ...modeRows(place, true)]
    }),
  ]
}

function modeRows(unit: Unit, within: boolean): Row[] {
  if (unit.modes.length < 2) return []
  return unit.modes.map(({ mode, figure }) => ({
    key: `${unit.id}/${mode}`,
    unit: { ...unit, figure, modes: [], unasked: NO_UNASKED, hours: [], places: [] },
    level: 'mode',
    mode,
    within,
  }))
}

function sameAnswers(unit: Unit, place: Unit): boolean {
  const counts = (u: Unit) => u.modes.map((m) => `${m.mode} ${m.figure.offered} ${m.figure.answered}`).join()
  return counts(unit) === counts(place)
}

/** A block's height on the wall, in rem. */
export function blockHeight(block: Block, withPlaces: boolean, headings: boolean): number {
  const beneath = withPlaces ? rowsBeneath(block.unit).length : 0
  const heading = block.opens && headings ? WALL_ROWS.group : 0
  return heading + WALL_ROWS.department + beneath * WALL_ROWS.place + (beneath > 0 ? WALL_ROWS.gap : 0)
}

export interface WallPages {
  pages: Block[][]
  withPlaces: boolean
}

/**
 * The wall's pages for a room of so many rem. Places are left out when they
 * would make more pages than a viewer would wait for. The first block of a page
 * carries its group's heading again.
 */
export function wallPages(all: readonly Block[], room: number, bearable: number, headings: boolean): WallPages {
  const cut = (withPlaces: boolean): Block[][] => {
    const safe = room - (headings ? WALL_ROWS.group : 0)
    const heights = all.map((block) => blockHeight(block, withPlaces, headings))
    const whole = heights.reduce((a, b) => a + b, 0) <= room
    return paginate(heights, whole ? room : safe).map(({ from, to }) =>
      all.slice(from, to).map((block, i) => (i === 0 ? { ...block, opens: true } : block)),
    )
  }
  const full = cut(true)
  if (full.length <= bearable) return { pages: full, withPlaces: true }
  return { pages: cut(false), withPlaces: false }
}
