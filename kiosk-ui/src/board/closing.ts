import { CLOSE } from '../shared/wire'

/** Why a board stopped coming back. */
export type Stop = 'not_enrolled' | 'revoked' | 'shared_key' | 'sign_in' | 'forbidden'

export type AfterClose = { stop: Stop } | { delayMs: number }

/** Wait after a frame the gateway refused, or when it has too many screens. */
export const LONG_WAIT_MS = 30_000
/** First wait after an ordinary loss; doubles with every failure in a row. */
export const FIRST_WAIT_MS = 500
export const MOST_WAIT_MS = 30_000

/**
 * What a close code asks of the board. `failures` counts the connections in a
 * row that ended without a snapshot; `random` (0 to 1) spreads a storm of
 * screens. A slow board (4408) comes back at once, unless it never got as far
 * as a snapshot.
 */
export function afterClose(code: number, failures: number, random: number): AfterClose {
  switch (code) {
    case CLOSE.notEnrolled:
      return { stop: 'not_enrolled' }
    case CLOSE.revoked:
      return { stop: 'revoked' }
    case CLOSE.sharedKey:
      return { stop: 'shared_key' }
    case CLOSE.badFrame:
    case CLOSE.tooMany:
      return { delayMs: LONG_WAIT_MS }
    case CLOSE.tooSlow:
      if (failures === 0) return { delayMs: 0 }
  }
  return { delayMs: backoff(failures, random) }
}

function backoff(failures: number, random: number): number {
  const most = Math.min(MOST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures)
  return Math.round(most * (0.5 + random / 2))
}
