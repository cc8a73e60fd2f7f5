// Where to go after signing in, when another of our pages sent the reader here.

/** The only pages that may be named, and what an account needs to be of use there. */
const PAGES: Readonly<Record<string, string>> = { '/board': 'board.view', '/operator': 'transactions.create' }

/**
 * The page `?next=` names, if it is one of ours and the account may use it. Who
 * can do nothing but ask at a window goes there in any case. Otherwise ''.
 */
export function nextPage(search: string, permissions: readonly string[]): string {
  if (permissions.join() === 'transactions.create') return '/operator'
  const asked = new URLSearchParams(search).get('next') ?? ''
  const needs = Object.hasOwn(PAGES, asked) ? PAGES[asked] : undefined
  return needs && permissions.includes(needs) ? asked : ''
}
