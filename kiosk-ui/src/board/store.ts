import type { Arrival, BoardDevice, Callbacks, Delta, Period, Snapshot, Unit } from '../shared/wire'

/** How many arrivals a board keeps, newest first. */
export const ARRIVALS_KEPT = 12

/** An arrival with a key of its own, rising with every one received. */
export interface KeptArrival extends Arrival {
  key: number
}

/** What the board knows. Units that did not change keep their identity. */
export interface Board {
  epoch: string
  offset: number
  period: Period
  asOf: string
  behind: boolean
  audience: 'office' | 'department'
  zone: string
  minAnswers: number
  hospital: Unit
  departments: readonly Unit[]
  arrivals: readonly KeptArrival[]
  callbacks: Callbacks | null
  devices: readonly BoardDevice[]
}

/**
 * What a frame did. `gap` means the delta does not follow what the board holds:
 * the board is unchanged and has to subscribe again.
 */
export interface Applied {
  board: Board | null
  gap: boolean
}

/** Applies one frame. Pure: the board passed in is never changed. */
export function apply(board: Board | null, frame: Snapshot | Delta): Applied {
  if (frame.type === 'snapshot') return { board: fromSnapshot(frame), gap: false }
  if (!board || frame.epoch !== board.epoch || frame.previous !== board.offset) return { board, gap: true }
  return { board: withDelta(board, frame), gap: false }
}

function fromSnapshot(frame: Snapshot): Board {
  return {
    epoch: frame.epoch,
    offset: frame.offset,
    period: frame.period,
    asOf: frame.as_of,
    behind: frame.behind,
    audience: frame.audience,
    zone: frame.zone,
    minAnswers: frame.min_answers,
    hospital: frame.hospital,
    departments: frame.departments,
    arrivals: keep(frame.arrivals ?? [], []),
    callbacks: frame.callbacks ?? null,
    devices: frame.devices ?? [],
  }
}

function withDelta(board: Board, frame: Delta): Board {
  return {
    ...board,
    offset: frame.offset,
    asOf: frame.as_of,
    behind: frame.behind,
    hospital: frame.hospital ?? board.hospital,
    departments: frame.departments?.length ? merged(board.departments, frame.departments) : board.departments,
    arrivals: frame.arrivals?.length ? keep(frame.arrivals, board.arrivals) : board.arrivals,
    callbacks: frame.callbacks ?? board.callbacks,
    devices: frame.devices ?? board.devices,
  }
}

/** The newest arrivals, newest first, each with a key. */
function keep(fresh: readonly Arrival[], held: readonly KeptArrival[]): readonly KeptArrival[] {
  const last = held[0]?.key ?? 0
  const keyed = fresh.map((arrival, i) => ({ ...arrival, key: last + fresh.length - i }))
  return [...keyed, ...held].slice(0, ARRIVALS_KEPT)
}

function merged(held: readonly Unit[], changed: readonly Unit[]): readonly Unit[] {
  const byId = new Map(changed.map((unit) => [unit.id, unit]))
  const result = held.map((unit) => {
    const next = byId.get(unit.id)
    byId.delete(unit.id)
    return next ?? unit
  })
  return [...result, ...byId.values()]
}
