import type { Text, Unit } from '../shared/wire'

/** The names of departments and places by id. */
export function placeNames(departments: readonly Unit[]): Map<string, Text> {
  const names = new Map<string, Text>()
  for (const department of departments) {
    names.set(department.id, department.name)
    for (const place of department.places ?? []) names.set(place.id, place.name)
  }
  return names
}

/** The name of an id, or the id itself when the board does not list it. */
export function nameOf(names: Map<string, Text>, id: string): Text {
  return names.get(id) ?? { zh: id, en: id }
}

/** Where an answer belongs: its place, or what is known of it when a survey's ward is not. */
export function whereOf(names: Map<string, Text>, at: { department: string; place: string }): Text {
  if (at.place) return nameOf(names, at.place)
  const unit = at.department ? nameOf(names, at.department) : { zh: '本院', en: 'Hospital' }
  return { zh: `${unit.zh}（未知病区）`, en: `${unit.en} (unknown ward)` }
}
