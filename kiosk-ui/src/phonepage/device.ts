/** A number this browser drew for itself, which limits count wrong codes by. */
export function deviceId(storage: Pick<Storage, 'getItem' | 'setItem'>, draw: () => string): string {
  const name = 'survey.device'
  try {
    const known = storage.getItem(name)
    if (known && /^[0-9a-f-]{36}$/.test(known)) return known
    const drawn = draw()
    storage.setItem(name, drawn)
    return drawn
  } catch {
    return draw()
  }
}
