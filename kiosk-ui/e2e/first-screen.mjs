// How long a new tablet waits for its first screen in a slow browser, for the
// bench: node e2e/first-screen.mjs <address of a gateway> <times slower>
//
// One browser that has never been there, and has finished its own start; on
// stdout the seconds from navigation until something is painted, and until the
// pairing or the idle screen is.
import { sizes } from './browser.mjs'
import { startChromium } from './devtools.mjs'

const [address, slower] = process.argv.slice(2)
const patienceMillis = 30_000

// In the page itself: asking from outside would add the way there and back.
const watchScreens = () => {
  const watch = new MutationObserver(() => {
    if (!document.querySelector('main[data-screen="pairing"], main[data-screen="idle"]')) return
    watch.disconnect()
    // The next frame paints it; in the one after it has been painted.
    requestAnimationFrame(() =>
      requestAnimationFrame((painted) => {
        const [paint] = performance.getEntriesByName('first-contentful-paint')
        window.firstScreen(JSON.stringify({ paint: paint.startTime / 1000, screen: painted / 1000 }))
      }),
    )
  })
  watch.observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ['data-screen'] })
}

const browser = await startChromium()
try {
  const page = await browser.page()
  const ask = (method, params) => browser.send(method, params, page)
  await ask('Page.enable')
  await ask('Runtime.enable')
  await ask('Emulation.setDeviceMetricsOverride', { ...sizes.tablet, deviceScaleFactor: 1, mobile: false })
  await ask('Emulation.setLocaleOverride', { locale: 'zh-CN' })
  await ask('Runtime.addBinding', { name: 'firstScreen' })
  await ask('Page.addScriptToEvaluateOnNewDocument', { source: `(${watchScreens})()` })
  await browser.atRest(patienceMillis)
  // Not before: slowing is done by keeping the processor busy.
  await ask('Emulation.setCPUThrottlingRate', { rate: Number(slower) })
  const seen = browser.next('Runtime.bindingCalled', patienceMillis)
  await ask('Page.navigate', { url: `${address}/tablet` })
  console.log((await seen).payload)
} finally {
  await browser.close()
}
