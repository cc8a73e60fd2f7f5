import type { Figure, HourFigure as Hour, Unit } from '../shared/wire'

/** The one scale every score on the board stands on. */
export const SCALE_TICKS = [0, 25, 50, 75, 100] as const

/** Where a score stands on the scale, in per cent of the lane's width. */
export function position(score: number): number {
  return Math.min(100, Math.max(0, score))
}

export interface Whisker {
  low: number
  high: number
  dot: number
}

/** The dot and its whiskers, or null when the figure may not be drawn. */
export function whisker(figure: Figure): Whisker | null {
  if (!figure.shown || figure.score === undefined) return null
  const dot = position(figure.score)
  return {
    dot,
    low: Math.min(dot, position(figure.score_low ?? figure.score)),
    high: Math.max(dot, position(figure.score_high ?? figure.score)),
  }
}

/** The hospital's score others are held against; undefined while it is withheld. */
export function reference(hospital: Unit): number | undefined {
  return hospital.figure.shown ? hospital.figure.score : undefined
}

/**
 * Whether a unit is lifted out: its whole interval lies below the hospital's
 * own score. An interval that touches it is not.
 */
export function below(unit: Unit, hospitalScore: number | undefined): boolean {
  const { shown, score_high } = unit.figure
  return shown && score_high !== undefined && hospitalScore !== undefined && score_high < hospitalScore
}

/** The lowest score a sparkline's line draws; lower ones lie on its floor. */
export const SPARK_FLOOR = 50

/** The last hours a sparkline shows. */
export const SPARK_HOURS = 10

export interface SparkBar {
  hour: number
  /** Left edge, width and height in per cent. */
  x: number
  width: number
  height: number
  answered: number
}

export interface Spark {
  bars: SparkBar[]
  /** Runs of hours with a score, as points in a box of 100 by 100, y down. */
  lines: { x: number; y: number }[][]
  first: number
  last: number
}

/**
 * A sparkline's geometry: answers an hour as bars against the tallest of the
 * row, scores as lines between SPARK_FLOOR and 100. An hour without a score
 * breaks the line instead of bridging it.
 */
export function spark(hours: readonly Hour[], span = SPARK_HOURS): Spark | null {
  if (hours.length === 0) return null
  const last = Math.max(...hours.map((h) => h.hour))
  const first = Math.max(0, last - span + 1)
  const shown = hours.filter((h) => h.hour >= first).sort((a, b) => a.hour - b.hour)
  const most = Math.max(1, ...shown.map((h) => h.answered))
  const slot = 100 / span
  const left = (hour: number) => (hour - last + span - 1) * slot
  const bars = shown.map((h) => ({
    hour: h.hour,
    x: left(h.hour) + slot * 0.16,
    width: slot * 0.68,
    height: (h.answered / most) * 100,
    answered: h.answered,
  }))
  const lines: { x: number; y: number }[][] = []
  let before = Number.NaN
  for (const h of shown) {
    if (h.score === null) continue
    const point = { x: left(h.hour) + slot / 2, y: sparkY(h.score) }
    if (h.hour === before + 1) lines.at(-1)?.push(point)
    else lines.push([point])
    before = h.hour
  }
  return { bars, lines, first, last }
}

function sparkY(score: number): number {
  const share = (Math.max(SPARK_FLOOR, Math.min(100, score)) - SPARK_FLOOR) / (100 - SPARK_FLOOR)
  return Math.round((1 - share) * 1000) / 10
}
