// What people do, with the real binary and a real browser: enrol a tablet at
// the desk, be asked, tap, see the board move; go offline, reload, come back.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import AxeBuilder from '@axe-core/playwright'
import { WebSocket } from 'ws'
import { launchBrowser, sizes } from './browser.mjs'
import { startGateway } from './gateway.mjs'

const window1 = 'settlement-1'
let browser

before(async () => {
  browser = await launchBrowser()
})
after(async () => {
  await browser?.close()
})

/** A page of a screen of its own; errors on it fail the test. */
async function screen(t, gateway, path, { size = sizes.tablet, locale = 'zh-CN' } = {}) {
  const context = await browser.newContext({ viewport: size, locale })
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

const at = (page, name) => page.waitForSelector(`[data-screen="${name}"]`, { timeout: 15000 })

/** Touches a key until the screen shows `until`: each screen lets its first moment pass. */
async function touch(page, key, until) {
  for (let tries = 0; tries < 40; tries++) {
    await key.click({ timeout: 500 }).catch(() => undefined)
    const shown = page.locator(until).first().waitFor({ timeout: 700 })
    if (
      await shown.then(
        () => true,
        () => false,
      )
    )
      return
  }
  assert.fail(`the key was not taken: no ${until}`)
}

const tap = (page, grade) =>
  touch(
    page,
    page.locator(`[data-screen="asked"] [data-grade="${grade}"]`),
    '[data-screen="why"], [data-screen="thanks"]',
  )
const key = (page, text) => page.locator('main button', { hasText: text })

/** The same with a key of the keyboard. */
async function press(page, digit) {
  for (let tries = 0; tries < 50; tries++) {
    await page.keyboard.press(digit)
    if (
      await page
        .locator('[data-screen="why"]')
        .waitFor({ timeout: 200 })
        .then(
          () => true,
          () => false,
        )
    )
      return
  }
  assert.fail('the key was not taken')
}

/** The pairing code on a screen. */
async function codeOn(page) {
  const found = await page.waitForFunction(
    () => document.body.innerText.match(/[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}/)?.[0],
    null,
    {
      timeout: 15000,
    },
  )
  return found.jsonValue()
}

/** A gateway with one tablet at a settlement window, ready to be used. */
async function hospital(t) {
  const gateway = await startGateway()
  t.after(() => gateway.stop())
  await gateway.signIn()
  const tablet = await screen(t, gateway, '/tablet')
  await at(tablet, 'pairing')
  await gateway.approve(await codeOn(tablet), { place: window1, name: '一号结算窗口平板' })
  await at(tablet, 'idle')
  return { gateway, tablet }
}

/** A wall board, paired and showing. */
async function wall(t, gateway) {
  const board = await screen(t, gateway, '/board?wall', { size: sizes.wall })
  await board.click('button.way')
  await gateway.approve(await codeOn(board), { kind: 'wall_board', name: '行风办大屏' })
  await board.waitForSelector('.board-main:not(.board-waiting)', { timeout: 15000 })
  return board
}

/** The hospital's figures of today as the board's own protocol gives them. */
async function answered(gateway) {
  const { ticket } = await gateway.call('POST', '/api/v1/board/ticket')
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/ws/board`, { headers: { Origin: gateway.url } })
  return new Promise((resolve, reject) => {
    socket.onclose = () => reject(new Error('the board closed'))
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data)
      if (frame.type === 'challenge') {
        socket.send(JSON.stringify({ type: 'ticket', ticket }))
        socket.send(JSON.stringify({ type: 'subscribe', period: 'today' }))
      }
      if (frame.type === 'snapshot') {
        socket.close()
        const { figure, unasked } = frame.hospital
        resolve({ offered: figure.offered, answered: figure.answered, unasked: unasked.answered })
      }
    }
  })
}

/** Waits until the counts are as wanted; the last seen explain a failure. */
async function counts(gateway, wanted) {
  let seen
  for (let tries = 0; tries < 40; tries++) {
    seen = await answered(gateway)
    if (JSON.stringify(seen) === JSON.stringify(wanted)) return
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  assert.deepEqual(seen, wanted)
}

async function grave(page) {
  const { violations } = await new AxeBuilder({ page }).analyze()
  return violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => [v.id, v.nodes.slice(0, 3).map((n) => n.html)])
}

describe('a tap at a window', () => {
  it('is asked for, given, thanked for, and moves the board', async (t) => {
    const { gateway, tablet } = await hospital(t)
    const board = await wall(t, gateway)
    await gateway.transaction(window1, '88121', { staff: '1024' })
    await at(tablet, 'asked')
    const asked = await tablet.innerText('main')
    assert.match(asked, /1024/)
    assert.doesNotMatch(asked, /88121/, 'the transaction number never stands on the screen')
    await tap(tablet, 2)
    await at(tablet, 'why')
    await counts(gateway, { offered: 1, answered: 1, unasked: 0 })
    // A name is drawn in pieces, so that it breaks between words.
    const named = () => document.body.innerText.replace(/\s/g, '').includes('收费1号窗口')
    await board.waitForFunction(named, null, { timeout: 5000 })

    await touch(
      tablet,
      key(tablet, '排队太久'),
      'main [aria-pressed="true"], main [aria-checked="true"], main :checked',
    )
    await touch(tablet, key(tablet, '发送'), '[data-screen="thanks"]')
    const thanks = await tablet.innerText('body')
    assert.match(thanks, /行风办/)
    assert.doesNotMatch(thanks, /不满意/, 'the thank-you does not show the grade')
    await at(tablet, 'idle')

    const { callbacks } = await gateway.call('GET', '/api/v1/callbacks?state=open').catch(() => ({ callbacks: null }))
    assert.equal(callbacks, null, 'an administrator does not read call-backs')
    const again = await gateway.transaction(window1, '88121', { staff: '1024' })
    assert.equal(again.duplicate, true)
    assert.equal(again.state, 'rated')
    assert.deepEqual(tablet.errors.concat(board.errors), [])
    assert.equal((await gateway.command('verify')).code, 0)
  })

  it('answers with one key and forgets between patients', async (t) => {
    const { gateway, tablet } = await hospital(t)
    await gateway.transaction(window1, '1')
    await at(tablet, 'asked')
    await press(tablet, '1')
    await touch(tablet, key(tablet, '写几句话'), 'textarea')
    await tablet.locator('textarea').fill('等了一上午')
    for (let tries = 0; tries < 50 && (await tablet.locator('[data-screen="why"]').count()); tries++) {
      await tablet.keyboard.press('Escape')
      await tablet.waitForTimeout(100)
    }
    await gateway.transaction(window1, '2')
    await at(tablet, 'asked')
    await press(tablet, '1')
    assert.doesNotMatch(await tablet.innerText('body'), /等了一上午/)
    await touch(tablet, key(tablet, '写几句话'), 'textarea')
    assert.equal(await tablet.locator('textarea').inputValue(), '')
    await counts(gateway, { offered: 2, answered: 2, unasked: 0 })
  })

  it('survives the network, a reload and the gateway itself', async (t) => {
    const { gateway, tablet } = await hospital(t)
    await tablet.waitForFunction(
      async () => (await navigator.serviceWorker?.ready)?.active?.state === 'activated',
      null,
      { timeout: 15000 },
    )
    await tablet.context().setOffline(true)
    await gateway.kill()
    for (const grade of [5, 4]) {
      await touch(tablet, key(tablet, '评价本窗口'), '[data-screen="asked"]')
      await tap(tablet, grade)
      await at(tablet, 'why')
      await touch(tablet, key(tablet, '跳过'), '[data-delivery="saved"]')
      await at(tablet, 'idle')
    }
    await tablet.reload()
    await at(tablet, 'idle')
    await gateway.start()
    await tablet.context().setOffline(false)
    await counts(gateway, { offered: 0, answered: 0, unasked: 2 })
    await tablet.reload()
    await at(tablet, 'idle')
    await counts(gateway, { offered: 0, answered: 0, unasked: 2 })
    const { code, output } = await gateway.command('verify')
    assert.equal(code, 0, output)
  })

  it('is out of service as soon as it is revoked', async (t) => {
    const { gateway, tablet } = await hospital(t)
    const { devices } = await gateway.call('GET', '/api/v1/devices')
    await gateway.call('POST', `/api/v1/devices/${devices[0].id}/revoke`, {})
    await tablet.waitForFunction(() => /停用|暂停/.test(document.body.innerText), null, { timeout: 5000 })
  })

  it('proves that the worst key works', async (t) => {
    const { gateway } = await hospital(t)
    let device
    for (let tries = 0; tries < 80 && !device?.last_test_at; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 250))
      device = (await gateway.call('GET', '/api/v1/devices')).devices[0]
    }
    assert.ok(device.last_test_at, 'no self-test arrived')
    assert.deepEqual(device.faults, [])
    await counts(gateway, { offered: 0, answered: 0, unasked: 0 })
  })
})

describe('the desk', () => {
  it('signs in for the first time and approves a tablet by its code', async (t) => {
    const gateway = await startGateway()
    t.after(() => gateway.stop())
    const tablet = await screen(t, gateway, '/tablet')
    const code = await codeOn(tablet)
    const desk = await screen(t, gateway, '/desk', { size: sizes.laptop })
    await desk.fill('input[name=username]', 'admin')
    await desk.fill('input[name=password]', gateway.password)
    await desk.keyboard.press('Enter')
    const lasting = 'a lasting password for tests'
    await desk.waitForFunction(() => document.querySelectorAll('input[type=password]').length >= 2, null, {
      timeout: 15000,
    })
    const fields = desk.locator('input[type=password]')
    const values = (await fields.count()) === 3 ? [gateway.password, lasting, lasting] : [lasting, lasting]
    for (const [i, value] of values.entries()) await fields.nth(i).fill(value)
    await desk.keyboard.press('Enter')
    await desk.waitForSelector('nav', { timeout: 15000 })
    await desk.goto(`${gateway.url}/desk#/devices/new`)
    await desk.fill('input.code', code)
    await desk.locator('select').last().selectOption(window1)
    await desk.getByLabel('给它起个名字').fill('一号结算窗口平板')
    await desk.keyboard.press('Enter')
    await at(tablet, 'idle')
    assert.deepEqual(desk.errors.concat(tablet.errors), [])
  })

  it('asks from the operator page and never shows the grade', async (t) => {
    const { gateway, tablet } = await hospital(t)
    const made = await gateway.call('POST', '/api/v1/accounts', {
      username: 'window1',
      name: '窗口一',
      roles: ['window_operator'],
      department: (await gateway.call('GET', '/api/v1/organisation')).places.find((p) => p.id === window1).department,
    })
    const admin = gateway.cookie
    gateway.cookie = undefined
    await gateway.call('POST', '/api/v1/session', { username: 'window1', password: made.one_time_password })
    await gateway.call('POST', '/api/v1/session/password', {
      current: made.one_time_password,
      new: 'a lasting password for windows',
    })
    const operator = await screen(t, gateway, `/operator?window=${window1}`, { size: { width: 480, height: 640 } })
    await operator.fill('input[name=username]', 'window1')
    await operator.fill('input[name=password]', 'a lasting password for windows')
    await operator.keyboard.press('Enter')
    await operator.locator('button', { hasText: '请患者评价' }).waitFor({ timeout: 15000 })
    await operator.keyboard.press('F9')
    await at(tablet, 'asked')
    await tap(tablet, 1)
    await operator.waitForFunction(() => /已评价|已答|已收到/.test(document.body.innerText), null, { timeout: 15000 })
    assert.doesNotMatch(await operator.innerText('body'), /不满意/)
    gateway.cookie = admin
    await counts(gateway, { offered: 1, answered: 1, unasked: 0 })
    assert.deepEqual(await grave(operator), [])
    assert.deepEqual(operator.errors, [])
  })
})

describe('nothing serious for a screen reader', () => {
  for (const [locale, toggle] of [
    ['zh-CN', false],
    ['en-US', true],
  ]) {
    it(`on tablet and board, ${locale}`, async (t) => {
      const { gateway, tablet } = await hospital(t)
      const board = await wall(t, gateway)
      if (toggle) await board.locator('button', { hasText: 'English' }).first().click()
      const english = async () => {
        if (toggle) await tablet.locator('button', { hasText: 'English' }).click()
      }
      await english()
      assert.deepEqual(await grave(tablet), [], 'idle')
      await gateway.transaction(window1, '1')
      await at(tablet, 'asked')
      assert.deepEqual(await grave(tablet), [], 'asked')
      await tap(tablet, 1)
      await at(tablet, 'why')
      assert.deepEqual(await grave(tablet), [], 'why')
      await counts(gateway, { offered: 1, answered: 1, unasked: 0 })
      assert.deepEqual(await grave(board), [], 'board')
    })
  }
})
