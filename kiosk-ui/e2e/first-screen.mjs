// How long a new tablet waits for its first screen in a slow browser, for the
// bench: node e2e/first-screen.mjs <address of a gateway> <times slower>
//
// One browser that has never been there; on stdout the seconds from navigation
// until something is painted, and until the pairing or the idle screen is.
import { launchBrowser, sizes } from './browser.mjs'

const [address, slower] = process.argv.slice(2)
const screens = 'main[data-screen="pairing"], main[data-screen="idle"]'
const patienceMillis = 30_000

const browser = await launchBrowser()
try {
  const context = await browser.newContext({ viewport: sizes.tablet, locale: 'zh-CN' })
  const page = await context.newPage()
  const devtools = await context.newCDPSession(page)
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: Number(slower) })
  // In the page itself: asking from outside would add the way there and back.
  await page.addInitScript((wanted) => {
    const watch = new MutationObserver(() => {
      if (!document.querySelector(wanted)) return
      watch.disconnect()
      // The next frame paints it; in the one after it has been painted.
      requestAnimationFrame(() =>
        requestAnimationFrame((painted) => {
          window.firstScreen = painted
        }),
      )
    })
    watch.observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ['data-screen'] })
  }, screens)
  await page.goto(`${address}/tablet`)
  await page.waitForFunction(() => window.firstScreen > 0, undefined, { timeout: patienceMillis })
  const millis = await page.evaluate(() => ({
    paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    screen: window.firstScreen,
  }))
  console.log(JSON.stringify({ paint: millis.paint / 1000, screen: millis.screen / 1000 }))
} finally {
  await browser.close()
}
