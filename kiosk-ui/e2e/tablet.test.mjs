// The built tablet page in a real browser against a gateway of its own: what only
// a browser can show. Needs `npm run build` first, and chromium.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { AxeBuilder } from '@axe-core/playwright'
import { chromium } from 'playwright-core'
import { MockGateway } from './mock-gateway.mjs'
import { shippedQuestionnaire } from './shipped.mjs'
import { everyState } from './tablet-states.mjs'

const DIST = process.env.QINGFENG_DIST ?? fileURLToPath(new URL('../dist', import.meta.url))
const CHROMIUM = process.env.QINGFENG_CHROMIUM ?? '/usr/bin/chromium'
const DEVICE = '0197aa00-0000-7000-8000-000000000001'
const WAIT = { timeout: 30_000 }

let browser
before(async () => {
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-background-networking', '--disable-gpu'],
  })
})
after(() => browser.close())

/** A tablet at work on its own gateway; everything is closed after the test. */
async function tablet(t, { enrolled = true, viewport = { width: 1280, height: 800 } } = {}) {
  const gateway = new MockGateway(DIST)
  const origin = await gateway.start()
  const context = await browser.newContext({ viewport, hasTouch: true })
  const page = await context.newPage()
  const complaints = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) complaints.push(message.text())
  })
  t.after(async () => {
    await context.close()
    await gateway.stop()
    assert.deepEqual(complaints, [])
  })
  if (enrolled) gateway.approved = DEVICE
  await page.goto(`${origin}/tablet`)
  const on = (kind) => page.waitForSelector(`main[data-screen="${kind}"]`, WAIT)
  const facts = (type) => gateway.facts.filter((fact) => fact.type === type)
  const until = async (holds) => {
    const end = Date.now() + WAIT.timeout
    while (!holds()) {
      assert.ok(Date.now() < end, `never held: ${holds}`)
      await page.evaluate(() => new Promise(requestAnimationFrame))
    }
  }
  /** Taps until the page shows that it was heard: a screen just changed takes no touch. */
  const tapUntil = async (selector, heard, argument) => {
    const end = Date.now() + WAIT.timeout
    while (!(await page.evaluate(heard, argument))) {
      assert.ok(Date.now() < end, `no answer to ${selector}`)
      if (await page.locator(selector).count()) await page.locator(selector).tap()
      await page.evaluate(() => new Promise(requestAnimationFrame))
    }
  }
  const tapGrade = async (grade) => {
    await on('asked')
    await tapUntil(`[data-grade="${grade}"]`, () => document.querySelector('main').dataset.screen !== 'asked')
  }
  return { gateway, page, context, origin, on, facts, until, tapUntil, tapGrade }
}

async function noBarrier(page, name) {
  const { violations } = await new AxeBuilder({ page })
    .options({ rules: { 'color-contrast-enhanced': { enabled: true } } })
    .analyze()
  assert.deepEqual(
    violations.map((v) => `${name}: ${v.impact} ${v.id} ${v.nodes.map((n) => n.target.join(' '))}`),
    [],
  )
}

test('a tap on the worst face, with reasons and a number, arrives once', async (t) => {
  const { gateway, page, on, facts, until, tapUntil, tapGrade } = await tablet(t)
  await on('idle')
  const prompt = gateway.prompt()
  await tapGrade(1)
  await on('why')
  assert.equal(await page.locator('[data-grade]').count(), 0)
  await tapUntil('.tag:nth-child(2)', () => document.querySelector('.tag:nth-child(2)').ariaPressed === 'true')
  await tapUntil('.more button:nth-child(2)', () => document.querySelector('.keypad') !== null)
  for (const digit of '13800138000') await page.locator('.keypad button', { hasText: digit }).tap()
  assert.equal((await page.locator('.number').textContent()).trim(), '138 0013 8000')
  await tapUntil('footer .primary', () => document.querySelector('.more') !== null)
  await tapUntil('.more ~ footer .primary', () => document.querySelector('main').dataset.screen === 'thanks')
  await page.waitForSelector('[data-delivery="received"]')
  await until(() => facts('rating_detail').length === 1)
  assert.deepEqual(
    facts('rating').map((f) => [f.grade, f.prompt_id, f.place]),
    [[1, prompt.id, 'settlement-2']],
  )
  const [detail] = facts('rating_detail')
  assert.deepEqual([detail.tags, detail.callback_phone], [['less_running'], '13800138000'])
  assert.deepEqual(
    facts('prompt_shown').map((f) => f.prompt_id),
    [prompt.id],
  )
})

test('taps made without network survive a reload without network and arrive in order', async (t) => {
  const { gateway, page, on, facts, until, tapUntil, tapGrade } = await tablet(t)
  await on('idle')
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
  gateway.setOffline(true)
  await page.waitForSelector('.offline', WAIT)
  const skip = () => tapUntil('footer .quiet.end', () => document.querySelector('main').dataset.screen === 'thanks')
  for (const grade of [5, 3]) {
    await page.locator('.rate').tap()
    await tapGrade(grade)
    await skip()
    await page.waitForSelector('[data-delivery="saved"]', WAIT)
    await on('idle')
  }
  await page.reload()
  await on('idle')
  await page.locator('.rate').tap()
  await tapGrade(4)
  await skip()
  await page.waitForSelector('[data-delivery="saved"]', WAIT)
  gateway.setOffline(false)
  await until(() => facts('rating').length === 3)
  assert.deepEqual(
    facts('rating').map((f) => f.grade),
    [5, 3, 4],
  )
})

test('the screen after the tap has one shape, whatever was tapped', async (t) => {
  const { gateway, page, on, tapGrade } = await tablet(t)
  const shapes = []
  for (const grade of [1, 3, 5]) {
    await page.waitForSelector('.hospital', WAIT)
    gateway.prompt()
    await tapGrade(grade)
    await on('why')
    shapes.push(
      await page.evaluate(() => [
        document.querySelector('h1').textContent,
        [...document.querySelectorAll('footer button')].map((b) => b.textContent.trim()),
        [...document.querySelectorAll('main button')].map((b) => {
          const { x, y, width, height } = b.getBoundingClientRect()
          return [x, y, width, height].map(Math.round)
        }),
      ]),
    )
    await page.reload()
  }
  assert.deepEqual(shapes[1], shapes[0])
  assert.deepEqual(shapes[2], shapes[0])
})

test('what was ticked is sent when its patient walks away, and not what was discarded', async (t) => {
  const { gateway, page, on, facts, until, tapUntil, tapGrade } = await tablet(t)
  gateway.welcome.settings.idle_reset_seconds = 5
  await page.reload()
  await page.waitForSelector('.hospital', WAIT)
  const tick = () => tapUntil('.tag:nth-child(1)', () => document.querySelector('.tag').ariaPressed === 'true')
  gateway.prompt()
  await tapGrade(2)
  await on('why')
  await tick()
  assert.equal((await page.locator('footer .quiet.end').textContent()).trim(), '不发了')
  await page.waitForSelector('[data-delivery="received"]', WAIT)
  await until(() => facts('rating_detail').length === 1)
  assert.deepEqual(facts('rating_detail')[0].tags, ['less_queueing'])
  await on('idle')
  gateway.prompt()
  await tapGrade(2)
  await on('why')
  await tick()
  await tapUntil('footer .quiet.end', () => document.querySelector('main').dataset.screen === 'thanks')
  await on('idle')
  assert.equal(facts('rating_detail').length, 1)
})

test('a tablet whose key does not sign any more asks to be paired again', async (t) => {
  const { gateway, page, on } = await tablet(t)
  await page.waitForSelector('.hospital', WAIT)
  await page.evaluate(() => {
    const { sign } = SubtleCrypto.prototype
    SubtleCrypto.prototype.sign = () => Promise.reject(new DOMException('gone', 'OperationError'))
    window.mend = () => {
      SubtleCrypto.prototype.sign = sign
    }
  })
  gateway.cut()
  await on('out_of_service')
  assert.match(await page.locator('.staff').textContent(), /工作人员：请重新配对/)
  gateway.approved = null
  await page.evaluate(() => window.mend())
  await page.locator('.staff button').tap()
  await on('pairing')
  gateway.approved = DEVICE
  await on('idle')
  await page.waitForSelector('.hospital', WAIT)
})

test('a device proves that its worst face works, and makes no rating of it', async (t) => {
  const { gateway, on, facts, until } = await tablet(t)
  gateway.selfTestDue = true
  await on('idle')
  await until(() => facts('self_test').length === 1)
  assert.equal(facts('self_test')[0].key_worked, true)
  assert.deepEqual(facts('rating'), [])
})

for (const [code, text] of [
  [4403, '重新配对'],
  [4409, '重新连接'],
]) {
  test(`close ${code} takes the tablet out of service`, async (t) => {
    const { gateway, page, on } = await tablet(t)
    await on('idle')
    gateway.close(code)
    await on('out_of_service')
    assert.equal((await page.locator('.staff button').textContent()).trim(), text)
  })
}

test('a disk that takes nothing asks for paper and never thanks', async (t) => {
  const { gateway, page, on, facts, tapGrade } = await tablet(t)
  await on('idle')
  gateway.prompt()
  await on('asked')
  await page.evaluate(() => {
    IDBObjectStore.prototype.add = () => {
      throw new DOMException('full', 'QuotaExceededError')
    }
  })
  await tapGrade(1)
  await on('paper')
  assert.deepEqual(facts('rating'), [])
})

test('only one page serves', async (t) => {
  const { page, context, origin, on } = await tablet(t)
  await on('idle')
  const second = await context.newPage()
  await second.goto(`${origin}/tablet`)
  await second.waitForSelector('main[data-screen="standby"]', WAIT)
  await page.close()
  await second.waitForSelector('main[data-screen="idle"]', WAIT)
})

for (const [name, viewport] of [
  ['landscape', { width: 1280, height: 800 }],
  ['portrait', { width: 800, height: 1280 }],
]) {
  test(`nothing bars anybody, ${name}, both languages`, async (t) => {
    const { gateway, page, on, tapGrade } = await tablet(t, { enrolled: false, viewport })
    await on('pairing')
    await page.waitForFunction(() => document.querySelector('.code')?.textContent === 'K7PM-3XQ2')
    const both = async (screen) => {
      await noBarrier(page, `${screen} zh`)
      await page.locator('.tools button').first().tap()
      assert.equal(await page.evaluate(() => document.documentElement.lang), 'en')
      await noBarrier(page, `${screen} en`)
      await page.locator('.tools button').first().tap()
    }
    await both('pairing')
    gateway.approved = DEVICE
    await on('idle')
    await both('idle')
    const small = await page.evaluate(() =>
      [...document.querySelectorAll('button')]
        .filter((b) => b.offsetWidth < 64 || b.offsetHeight < 64)
        .map((b) => b.textContent),
    )
    assert.deepEqual(small, [])
    gateway.prompt(120)
    await on('asked')
    await both('asked')
    await tapGrade(2)
    await on('why')
    await both('why')
  })
}

/** What of the present screen does not fit: the page, or a label its key. */
function misfits(page) {
  return page.evaluate(() => {
    const out = []
    if (document.documentElement.scrollHeight > innerHeight) out.push(`page ${document.documentElement.scrollHeight}`)
    if (document.documentElement.scrollWidth > innerWidth) out.push(`width ${document.documentElement.scrollWidth}`)
    for (const key of document.querySelectorAll('button')) {
      const box = key.getBoundingClientRect()
      const within = [...key.querySelectorAll('*')].every((part) => {
        const { top, bottom, left, right } = part.getBoundingClientRect()
        return top >= box.top && bottom <= box.bottom && left >= box.left && right <= box.right
      })
      if (!within || key.scrollHeight > key.clientHeight || key.scrollWidth > key.clientWidth) {
        out.push(key.textContent.trim())
      }
    }
    for (const rule of document.querySelectorAll('.rules p')) {
      rule.style.fontWeight = '600'
      if (rule.offsetHeight > 2.2 * Number.parseFloat(getComputedStyle(rule).lineHeight)) out.push(rule.textContent)
    }
    return out
  })
}

for (const [name, viewport] of [
  ['landscape', { width: 1280, height: 800 }],
  ['portrait', { width: 800, height: 1280 }],
]) {
  test(`everything fits, ${name}, both languages, large print`, async (t) => {
    const found = []
    const visit = async (state, page) => {
      const touch = (n) => page.locator('.tools button').nth(n).tap()
      const look = async (how) => found.push(...(await misfits(page)).map((what) => `${state}, ${how}: ${what}`))
      await look('zh')
      await touch(1)
      await look('zh large')
      await touch(0)
      await look('en large')
      await touch(1)
      await look('en')
      await touch(0)
    }
    const here = await tablet(t, { enrolled: false, viewport })
    await everyState(here, { shipped: shippedQuestionnaire, device: DEVICE }, visit)
    assert.deepEqual(found, [])
  })
}
