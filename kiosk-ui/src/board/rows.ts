import type { Unit } from '../shared/wire'
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

/** The rows beneath a department: a mode each when it has several, then its places. */
export function rowsBeneath(unit: Unit): number {
  return (unit.modes.length > 1 ? unit.modes.length : 0) + (unit.places?.length ?? 0)
}

/** A block's height on the wall, in rem. */
export function blockHeight(block: Block, withPlaces: boolean, headings: boolean): number {
  const beneath = withPlaces ? rowsBeneath(block.unit) : 0
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
