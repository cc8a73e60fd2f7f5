export const LOCK_NAME = 'qingfeng-tablet'

/**
 * Waits to be the one page on this device that serves patients; a second page
 * would answer with the same key and take both out of service. `onStandby` is
 * called when another page is active; the promise resolves when this one is, and
 * the lock is then held until the page goes. Without Web Locks every page is active.
 */
export async function becomeActive(
  onStandby: () => void,
  locks: LockManager | undefined = navigator.locks,
): Promise<void> {
  if (!locks) return
  const free = await hold(locks, { ifAvailable: true })
  if (free) return
  onStandby()
  await hold(locks, {})
}

/** Resolves true once the lock is ours, false when it was asked for at once and is taken. */
function hold(locks: LockManager, options: LockOptions): Promise<boolean> {
  return new Promise((resolve, reject) => {
    locks
      .request(LOCK_NAME, options, (lock) => {
        resolve(lock !== null)
        return lock === null ? undefined : new Promise<void>(() => {})
      })
      .catch(reject)
  })
}
