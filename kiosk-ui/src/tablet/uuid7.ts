/**
 * A UUIDv7 in lower case for the moment atMillis. Ids made one after another on
 * one device sort in the order they were made, even when its clock stands still
 * or goes back: the generator never returns an id below its last.
 */
export function createUuid7(randomBytes: (length: number) => Uint8Array): (atMillis: number) => string {
  let lastMillis = 0
  let sequence = 0
  return (atMillis) => {
    const bytes = randomBytes(16)
    const millis = Math.max(Math.floor(atMillis), lastMillis)
    // 12 bits of counter behind the time: random in its lower half at each new
    // millisecond, counted up within one.
    if (millis > lastMillis) sequence = ((at(bytes, 6) << 8) | at(bytes, 7)) & 0x7ff
    else sequence += 1
    lastMillis = sequence > 0xfff ? millis + 1 : millis
    if (sequence > 0xfff) sequence = 0
    const time = lastMillis.toString(16).padStart(12, '0')
    const tail = [...bytes.slice(8)]
    tail[0] = (at(bytes, 8) & 0x3f) | 0x80
    const hex = time + (0x7000 | sequence).toString(16) + tail.map((b) => b.toString(16).padStart(2, '0')).join('')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }
}

function at(bytes: Uint8Array, i: number): number {
  return bytes[i] ?? 0
}

/** The browser's randomness. */
export function browserBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length))
}
