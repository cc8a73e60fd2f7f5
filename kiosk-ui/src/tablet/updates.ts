/** How often a new build is looked for. */
export const CHECK_MILLIS = 60 * 60 * 1000

/**
 * Registers the service worker and lets a new build in only when `idle` says that
 * nobody is being served. Gives a function to call now and then. Where service
 * workers do not exist the page works, but only with network.
 */
export async function watchUpdates(
  idle: () => boolean,
  workers: ServiceWorkerContainer | undefined = navigator.serviceWorker,
  reload: () => void = () => location.reload(),
): Promise<() => void> {
  if (!workers) return () => {}
  let registration: ServiceWorkerRegistration
  try {
    registration = await workers.register('/tablet-sw.js', { scope: '/tablet', updateViaCache: 'none' })
  } catch {
    return () => {}
  }
  const hadController = workers.controller !== null
  let reloadWanted = false
  workers.addEventListener('controllerchange', () => {
    reloadWanted = hadController
  })
  setInterval(() => void registration.update().catch(() => {}), CHECK_MILLIS)
  return () => {
    if (!idle()) return
    if (reloadWanted) reload()
    else if (registration.waiting && hadController) registration.waiting.postMessage('activate_now')
  }
}
