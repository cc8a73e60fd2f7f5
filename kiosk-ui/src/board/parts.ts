/** A name in three parts: what may be cut, the number that tells it from its neighbours, what may be cut first. */
export interface NameParts {
  head: string
  number: string
  rest: string
}

/** Splits a name around its last number, which no narrow column may cut. */
export function nameParts(name: string): NameParts {
  const [, head = name, number = '', rest = ''] = /^(.*?)(\d+[A-Za-z]?号?)(\D*)$/u.exec(name) ?? []
  return { head, number, rest }
}
