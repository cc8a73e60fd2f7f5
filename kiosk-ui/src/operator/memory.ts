// What this computer remembers for its clerk. A storage that refuses is as
// good as none: the page asks again next time.

export function recall(name: string): string {
  try {
    return localStorage.getItem(name) ?? ''
  } catch {
    return ''
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value)
  } catch {
    // Not kept; it holds for this page.
  }
}
