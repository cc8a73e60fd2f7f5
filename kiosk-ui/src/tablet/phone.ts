/** Digits grouped for reading: 138 0013 8000 for a mainland mobile, by fours for anything else. */
export function groupDigits(digits: string): string {
  if (digits.startsWith('1')) {
    return [digits.slice(0, 3), digits.slice(3, 7), digits.slice(7)].filter(Boolean).join(' ')
  }
  return digits.match(/.{1,4}/g)?.join(' ') ?? ''
}
