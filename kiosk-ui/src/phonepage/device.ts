/** The phone's storage; where the browser bars it, one that refuses. */
export function phoneStorage(
  win: { readonly localStorage: Storage } = window,
): Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> {
  try {
    return win.localStorage
  } catch {
    const refuse = () => {
      throw new Error('storage is barred')
    }
    return { getItem: refuse, setItem: refuse, removeItem: refuse }
  }
}

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
