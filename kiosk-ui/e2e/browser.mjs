// A headless Chromium for the end-to-end tests, at the sizes the screens are
// used at.
import { chromium } from 'playwright-core'

export const sizes = {
  tablet: { width: 1280, height: 800 },
  tabletPortrait: { width: 800, height: 1280 },
  phone: { width: 390, height: 844 },
  wall: { width: 1920, height: 1080 },
  laptop: { width: 1440, height: 900 },
}

export const chromiumPath = process.env.QINGFENG_CHROMIUM ?? '/usr/bin/chromium'

/** No traffic of its own to the outside. */
export const chromiumArgs = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts Chromium for a test. */
export function launchBrowser() {
  return chromium.launch({ executablePath: chromiumPath, args: chromiumArgs })
}
