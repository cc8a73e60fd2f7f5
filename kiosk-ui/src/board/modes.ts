import type { Mode, Unit } from '../shared/wire'

/** The drawn shape of a mode; words tell the three kinds of text apart. */
export type ModeShape = 'window' | 'bedside' | 'lobby' | 'text'

/** Whether a mode is a survey's, answered after discharge. */
export function afterDischarge(mode: Mode): boolean {
  return shapeOf(mode) === 'text'
}

export function shapeOf(mode: Mode): ModeShape {
  return mode === 'window' || mode === 'bedside' || mode === 'lobby' ? mode : 'text'
}

const SHAPES: readonly ModeShape[] = ['window', 'bedside', 'lobby', 'text']

/** The shapes that stand on a board of these units, in one order, none twice. */
export function shapesIn(units: readonly Unit[]): ModeShape[] {
  const found = new Set(units.flatMap((unit) => unit.modes.map((m) => shapeOf(m.mode))))
  return SHAPES.filter((shape) => found.has(shape))
}
