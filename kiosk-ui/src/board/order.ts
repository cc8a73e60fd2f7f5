import type { PlaceKind, Unit } from '../shared/wire'
import { afterDischarge } from './modes'
import { below, reference } from './scale'

export type SortKey = 'score' | 'dissatisfied' | 'answered' | 'name'

export interface Arrangement {
  sort: SortKey
  descending: boolean
  /** Keep departments with a place of this kind, or with surveys after discharge; '' keeps all. */
  kind: '' | PlaceKind | 'after_discharge'
  /** Text looked for in department and place names, in both languages. */
  text: string
}

/** What the board opens with: best first, those below the hospital lifted out. */
export const OPENING: Arrangement = { sort: 'score', descending: true, kind: '', text: '' }

/** Which way a column starts when it is chosen: the worst news first, names from A. */
export function startsDescending(sort: SortKey): boolean {
  return sort !== 'name'
}

export type Group = 'below' | 'listed' | 'withheld'

export interface Arranged {
  group: Group
  units: Unit[]
}

/**
 * Departments as the board lists them. By score, those wholly below the
 * hospital are lifted out above the rest; figures that are withheld always come
 * last, in a group of their own, whatever the direction, because their place
 * would tell the figure.
 */
export function arrange(departments: readonly Unit[], hospital: Unit, how: Arrangement): Arranged[] {
  const kept = departments.filter((unit) => matches(unit, how))
  const open = kept.filter((unit) => unit.figure.shown)
  const withheld = kept.filter((unit) => !unit.figure.shown)
  const compare = comparing(how)
  if (how.sort === 'name' || how.sort === 'answered') {
    return nonEmpty([{ group: 'listed', units: [...kept].sort(compare) }])
  }
  const lifted = how.sort === 'score' ? open.filter((unit) => below(unit, reference(hospital))) : []
  const rest = open.filter((unit) => !lifted.includes(unit))
  return nonEmpty([
    { group: 'below', units: lifted.sort(comparing({ ...how, descending: false })) },
    { group: 'listed', units: rest.sort(compare) },
    { group: 'withheld', units: withheld.sort(byAnswered) },
  ])
}

function nonEmpty(groups: Arranged[]): Arranged[] {
  return groups.filter((group) => group.units.length > 0)
}

function matches(unit: Unit, how: Arrangement): boolean {
  if (how.kind === 'after_discharge') {
    if (!unit.modes.some((m) => afterDischarge(m.mode))) return false
  } else if (how.kind && !unit.places?.some((place) => place.kind === how.kind)) return false
  const wanted = how.text.trim().toLocaleLowerCase()
  if (!wanted) return true
  return [unit, ...(unit.places ?? [])].some((u) => `${u.name.zh}\n${u.name.en}`.toLocaleLowerCase().includes(wanted))
}

const collator = new Intl.Collator('zh-Hans-CN', { numeric: true })

function byName(a: Unit, b: Unit): number {
  return collator.compare(a.name.zh, b.name.zh)
}

function byAnswered(a: Unit, b: Unit): number {
  return (b.figure.answered ?? 0) - (a.figure.answered ?? 0) || byName(a, b)
}

function comparing(how: Arrangement): (a: Unit, b: Unit) => number {
  const turn = how.descending ? -1 : 1
  if (how.sort === 'name') return (a, b) => turn * byName(a, b)
  const value = (unit: Unit): number => {
    if (how.sort === 'answered') return unit.figure.answered ?? 0
    return (how.sort === 'dissatisfied' ? unit.figure.dissatisfied : unit.figure.score) ?? Number.NEGATIVE_INFINITY
  }
  return (a, b) => {
    const [x, y] = [value(a), value(b)]
    return x === y ? byName(a, b) : turn * (x < y ? -1 : 1)
  }
}
