/** How long the wall shows a page of the list before it turns. */
export const PAGE_MS = 15_000

/** A wall that would turn more pages than this lists departments alone. */
export const PAGES_BEARABLE = 6

/**
 * Cuts blocks of the given heights, in order, into pages no taller than
 * `room`. A block taller than the room has a page to itself. Returns the first
 * block and the one after the last of each page; no blocks, no pages.
 */
export function paginate(heights: readonly number[], room: number): { from: number; to: number }[] {
  const pages: { from: number; to: number }[] = []
  let from = 0
  let used = 0
  heights.forEach((height, i) => {
    if (i > from && used + height > room) {
      pages.push({ from, to: i })
      from = i
      used = 0
    }
    used += height
  })
  if (heights.length > 0) pages.push({ from, to: heights.length })
  return pages
}
