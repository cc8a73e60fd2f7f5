/** Digits grouped for reading: 138 0013 8000 for a mainland mobile, by fours for anything else. */
export function groupDigits(digits: string): string {
  if (digits.startsWith('1')) {
    return [digits.slice(0, 3), digits.slice(3, 7), digits.slice(7)].filter(Boolean).join(' ')
  }
  return digits.match(/.{1,4}/g)?.join(' ') ?? ''
}

/** Whether nothing is missing of a number: 11 digits of a mobile, 10 with an area code, 7 of a local one. */
export function isWholeNumber(digits: string): boolean {
  const least = digits.startsWith('1') ? 11 : digits.startsWith('0') ? 10 : 7
  return digits.length >= least
}
