// A Chromium spoken to over its own pipe, for measurements. Playwright gives
// every page a world of its own and hundreds of kilobytes of script, which a
// slowed processor would count as the page's.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromiumArgs, chromiumPath } from './browser.mjs'

// The browser counts as come to rest when all its processes together have used
// less than this share of one processor for this long.
const REST_SHARE = 0.02
const REST_MILLIS = 500

/** Starts a Chromium with a profile of its own; `close` ends it and removes the profile. */
export async function startChromium() {
  const profile = await mkdtemp(join(tmpdir(), 'qingfeng-chromium-'))
  const browser = spawn(
    chromiumPath,
    ['--headless', '--remote-debugging-pipe', `--user-data-dir=${profile}`, ...chromiumArgs, 'about:blank'],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
  )
  return new Chromium(browser, profile)
}

class Chromium {
  #last = 0
  #asked = new Map()
  #listeners = new Set()

  constructor(browser, profile) {
    this.browser = browser
    this.profile = profile
    this.gone = new Promise((resolve) => browser.once('exit', resolve))
    this.gone.then((code) => {
      for (const { reject } of this.#asked.values()) reject(new Error(`the browser left with ${code}`))
    })
    let rest = ''
    browser.stdio[4].setEncoding('utf8').on('data', (text) => {
      const messages = (rest + text).split('\0')
      rest = messages.pop()
      for (const message of messages) this.#receive(JSON.parse(message))
    })
    browser.stdio[3].on('error', () => {})
  }

  #receive({ id, error, result, method, params }) {
    if (id === undefined) {
      for (const listener of this.#listeners) listener(method, params)
      return
    }
    const { resolve, reject } = this.#asked.get(id)
    this.#asked.delete(id)
    if (error) reject(new Error(error.message))
    else resolve(result)
  }

  /** One command of the DevTools protocol, to the browser or to an attached page. */
  send(method, params = {}, sessionId = undefined) {
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject })
      this.browser.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
  }

  /** The next event of that name. */
  next(wanted, patienceMillis) {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(late)
        this.#listeners.delete(listener)
      }
      const late = setTimeout(() => {
        end()
        reject(new Error(`no ${wanted} in ${patienceMillis} ms`))
      }, patienceMillis)
      const listener = (method, params) => {
        if (method !== wanted) return
        end()
        resolve(params)
      }
      this.#listeners.add(listener)
    })
  }

  /** A page at about:blank; gives what `send` needs to speak to it. */
  async page() {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    return sessionId
  }

  /** Resolves when the browser has finished its own start. */
  async atRest(patienceMillis) {
    const end = performance.now() + patienceMillis
    let before = await this.#used()
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, REST_MILLIS))
      const used = await this.#used()
      if (used - before < (REST_SHARE * REST_MILLIS) / 1000) return
      if (performance.now() > end) throw new Error(`the browser did not come to rest in ${patienceMillis} ms`)
      before = used
    }
  }

  /** Seconds of processor time its processes have used. */
  async #used() {
    const { processInfo } = await this.send('SystemInfo.getProcessInfo')
    return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0)
  }

  async close() {
    await this.send('Browser.close').catch(() => {})
    await this.gone
    await rm(this.profile, { recursive: true, force: true })
  }
}
