import type { Unit } from '../shared/wire'

/** Whether nothing at all was asked or said at a unit: there is no row to read. */
export function silent(unit: Unit): boolean {
  return !unit.figure.offered && !unit.figure.answered && !unit.unasked.answered
}

/** Whether only unasked ratings came: nobody was asked yet, but somebody spoke. */
export function unaskedOnly(unit: Unit): boolean {
  return !unit.figure.answered && (unit.unasked.answered ?? 0) > 0
}

/** Whether no answer of any kind has come to these units. */
export function nothingYet(units: readonly Unit[]): boolean {
  return units.every((unit) => !unit.figure.answered && !unit.unasked.answered)
}

/** A list without its silent units, and those; on the wall they share one line. */
export function setSilentApart(units: readonly Unit[]): { speaking: Unit[]; silent: Unit[] } {
  return { speaking: units.filter((unit) => !silent(unit)).map(spoken), silent: units.filter(silent) }
}

/** A unit without the modes and places nobody has spoken of; itself when there are none. */
function spoken(unit: Unit): Unit {
  const modes = unit.modes.filter(({ figure }) => figure.offered || figure.answered)
  const places = unit.places?.filter((place) => !silent(place))
  if (modes.length === unit.modes.length && places?.length === unit.places?.length) return unit
  return { ...unit, modes, ...(places ? { places } : {}) }
}
