/** Keeps the screen on while the page is visible. A browser that cannot, or refuses, is left alone. Gives the end of it. */
export function keepAwake(page: Document = document, locks: WakeLock | undefined = navigator.wakeLock): () => void {
  let held: WakeLockSentinel | null = null
  let ended = false
  const ask = async () => {
    if (!locks || ended || page.visibilityState !== 'visible' || (held && !held.released)) return
    try {
      held = await locks.request('screen')
      if (ended) await held.release()
    } catch {
      held = null
    }
  }
  const onVisible = () => void ask()
  page.addEventListener('visibilitychange', onVisible)
  void ask()
  return () => {
    ended = true
    page.removeEventListener('visibilitychange', onVisible)
    void held?.release().catch(() => {})
  }
}
