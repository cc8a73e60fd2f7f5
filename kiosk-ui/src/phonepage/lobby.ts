/** Where a survey stands on a screen many people use, as far as leaving goes. */
export type LobbyScreen = 'code' | 'typing_code' | 'question' | 'writing' | 'receipt' | 'end'

/**
 * How long nobody has to touch the screen before it goes back to its idle page,
 * in seconds. Reading a question takes longer than a tap, and writing longest.
 */
const SECONDS: Record<LobbyScreen, number> = {
  code: 20,
  typing_code: 40,
  question: 60,
  writing: 120,
  receipt: 90,
  end: 20,
}

/** The last seconds are counted down in sight. */
const SHOWN_SECONDS = 10

/** Seconds until the screen goes back: null is not to be shown yet, 0 is now. */
export function leavingIn(screen: LobbyScreen, quietMillis: number): number | null {
  const left = Math.ceil((SECONDS[screen] * 1000 - quietMillis) / 1000)
  return left > SHOWN_SECONDS ? null : Math.max(0, left)
}
