// The survey after discharge as patients see it, with the real binary and a real
// browser: answered on a phone, on a bad network, stopped for a clue, and begun
// with a code on a lobby screen.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import AxeBuilder from '@axe-core/playwright'
import { launchBrowser, sizes } from './browser.mjs'
import { startGateway } from './gateway.mjs'

const root = new URL('../..', import.meta.url).pathname
const shots = process.env.QINGFENG_SHOTS
let browser
let gateway
const tokens = {}

/** Puts a sent survey into the stopped gateway's store. */
async function invite(form, code, language) {
  const command = ['run', './gateway/internal/httpapi/testdata/invitation', form, code, language]
  const environment = { ...process.env, QINGFENG_DATA_DIR: gateway.directory }
  const { stdout } = await promisify(execFile)('go', command, { cwd: root, env: environment })
  return stdout.trim()
}

before(async () => {
  browser = await launchBrowser()
  gateway = await startGateway()
  await gateway.kill('SIGTERM')
  tokens.short = await invite('discharge-short', '40718265', 'zh')
  tokens.english = await invite('discharge-national', '40718266', 'en')
  tokens.clue = await invite('discharge-short', '40718267', 'zh')
  tokens.lobby = await invite('discharge-short', '40718268', 'zh')
  await gateway.start()
})
after(async () => {
  await browser?.close()
  await gateway?.stop()
})

async function open(t, path, size = sizes.phone) {
  const context = await browser.newContext({ viewport: size, hasTouch: true, reducedMotion: 'reduce' })
  t.after(() => context.close())
  const page = await context.newPage()
  page.errors = []
  page.on('pageerror', (error) => page.errors.push(String(error)))
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) page.errors.push(message.text())
  })
  await page.goto(gateway.url + path)
  return page
}

const at = (page, screen) => page.waitForSelector(`main[data-screen="${screen}"]`, { timeout: 15_000 })
const next = (page) => page.locator('footer button').last().click()
const choose = (page, words) => page.locator('.choice', { hasText: words }).first().click()

/** Looks at a screen: nothing sticks out, nothing is hard to read or to name. */
async function look(page, name) {
  if (shots) await page.screenshot({ path: `${shots}/${name}.png` })
  const { violations } = await new AxeBuilder({ page }).analyze()
  assert.deepEqual(
    violations.map((v) => `${name}: ${v.id} ${v.nodes.map((n) => n.html).join(' ')}`),
    [],
  )
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  assert.ok(over <= 0, `${name} is ${over} px too wide`)
}

describe('the phone page', () => {
  it('asks, goes on where it was left, and thanks only for what is stored', async (t) => {
    const page = await open(t, `/s/${tokens.short}`)
    await at(page, 'intro')
    await look(page, 'intro-zh')
    const text = await page.locator('main').innerText()
    assert.match(text, /心血管内科病区/)
    assert.doesNotMatch(text, /赵国栋/)
    await next(page)
    await at(page, 'question')
    await look(page, 'overall-zh')
    await choose(page, '非常不满意')
    await next(page)
    await page.waitForSelector('text=第2题')
    await look(page, 'envelope-zh')
    await choose(page, '没有')
    await next(page)
    await page.waitForSelector('text=第3题')

    await page.reload()
    await at(page, 'intro')
    await next(page)
    await page.waitForSelector('text=第3题')
    await page.keyboard.press('Tab')
    await page.keyboard.press('ArrowDown')
    await page.context().setOffline(true)
    await page.waitForSelector('.banner')
    await look(page, 'midway-offline-zh')
    await next(page)
    await page.locator('textarea').fill('夜里走廊太亮')
    await look(page, 'comment-zh')
    await next(page)
    await at(page, 'call')
    await choose(page, '请给我回电话')
    await look(page, 'call-zh')
    await next(page)
    await page.waitForSelector('text=还没有交到医院')
    await look(page, 'away-zh')
    assert.equal(await page.locator('main[data-screen="done"]').count(), 0)
    await page.context().setOffline(false)
    await at(page, 'done')
    await look(page, 'done-zh')
    assert.deepEqual(
      await page.evaluate(() => Object.keys(localStorage).filter((k) => /^survey\.[0-9a-f]{16}$/.test(k))),
      [],
    )
    assert.deepEqual(await page.context().cookies(), [])

    await page.reload()
    await at(page, 'gone')
    await look(page, 'gone-zh')
    assert.deepEqual(page.errors, [])
  })

  it('speaks English throughout, fits a small phone, and takes large print', async (t) => {
    const page = await open(t, `/s/${tokens.english}`, { width: 320, height: 640 })
    await at(page, 'intro')
    await look(page, 'intro-en-320')
    await page.locator('.tool').first().click()
    await next(page)
    await at(page, 'question')
    await look(page, 'overall-en-320-large')
    await choose(page, 'Satisfied')
    for (let n = 2; n <= 19; n++) {
      await next(page)
      await page.waitForSelector(`text=Question ${n} of 19`)
      if (n === 2) await choose(page, 'No')
      else if (n < 19) await page.locator('.choice').first().click()
      if (n === 7) await look(page, 'item-en-320-large')
    }
    await next(page)
    await at(page, 'call')
    await next(page)
    await at(page, 'done')
    await look(page, 'done-en-320-large')
    assert.deepEqual(page.errors, [])
  })

  it('stops for a clue and shows its receipt', async (t) => {
    const page = await open(t, `/s/${tokens.clue}`)
    await at(page, 'intro')
    await next(page)
    await page.waitForSelector('text=第1题')
    await next(page)
    await page.waitForSelector('text=第2题')
    await choose(page, /^有$/)
    await next(page)
    await at(page, 'clue')
    await page.locator('textarea').fill('有人收了东西')
    await look(page, 'clue-zh')
    await page.locator('footer .primary').click()
    await at(page, 'stopped')
    assert.match(await page.locator('.receipt .code').innerText(), /^\d{4} \d{4} \d{4} \d{4}$/)
    await look(page, 'stopped-zh')
    await page.locator('.tool').last().click()
    await look(page, 'stopped-en')
    assert.ok(!gateway.log.some((line) => line.includes(tokens.clue)), 'the token is in the log')
  })

  it('takes no sign-in page of a network for an answer', async (t) => {
    const context = await browser.newContext({ viewport: sizes.phone })
    t.after(() => context.close())
    const page = await context.newPage()
    await page.route('**/api/v1/survey**', (route) =>
      route.fulfill({ status: 200, contentType: 'text/html', body: '<h1>Wi-Fi</h1>' }),
    )
    await page.goto(`${gateway.url}/s/${tokens.lobby}`)
    await at(page, 'unreachable')
    await look(page, 'unreachable-zh')
    await page.unroute('**/api/v1/survey**')
    await page.locator('footer button').click()
    await at(page, 'intro')
  })
})

describe('the code on a lobby screen', () => {
  for (const [name, size] of Object.entries({ wide: sizes.tablet, tall: sizes.tabletPortrait })) {
    it(`is typed, and nothing stays: ${name}`, async (t) => {
      const page = await open(t, '/code#lobby', size)
      await at(page, 'code')
      for (const digit of '40718299') await page.locator('.keypad button', { hasText: digit }).click()
      await next(page)
      await page.waitForSelector('.wrong:not(:empty)')
      await look(page, `code-wrong-${name}`)
      for (const digit of '40718268') await page.locator('.keypad button', { hasText: digit }).click()
      await look(page, `code-${name}`)
      await next(page)
      await at(page, 'intro')
      await next(page)
      await at(page, 'question')
      await choose(page, '基本满意')
      await look(page, `overall-${name}`)
      assert.equal(new URL(page.url()).pathname, '/code')
      await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })))
      await page.waitForSelector('main[data-screen="code"]')
      const kept = await page.evaluate(() => Object.keys(localStorage).filter((key) => key !== 'survey.device'))
      assert.deepEqual(kept, [])
      assert.deepEqual(page.errors, [])
    })
  }
})
