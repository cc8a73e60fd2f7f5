// The board in a real browser against a gateway of its own making: its states,
// its deltas, and what a screen reader and a strict content security policy say.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import AxeBuilder from '@axe-core/playwright'
import { boardPage, openBoard } from './board-pages.mjs'
import { serveBoard, snapshot } from './mock-board.mjs'

const wall = { width: 1920, height: 1080 }
const desk = { width: 1440, height: 900 }
let board

before(async () => {
  board = await openBoard()
})
after(async () => {
  await board?.close()
})

/** Opens the board in a state; `complaints` collects errors and policy violations. */
async function open(t, { size = desk, state = 'busy', query = '', ...choices } = {}) {
  const page = await boardPage(board.browser, { ...size, ...choices })
  t.after(() => page.context().close())
  const complaints = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('401')) complaints.push(message.text())
  })
  const gateway = await serveBoard(page, state)
  await page.goto(board.url + query)
  await page.waitForSelector('.list, .gate h1')
  return { page, gateway, complaints }
}

describe('what a screen reader meets', () => {
  const cases = [
    {
      name: 'wall, English, night, behind',
      size: wall,
      query: '?wall',
      language: 'en',
      theme: 'night',
      state: 'behind',
    },
    { name: 'department head, English', state: 'department', language: 'en' },
    { name: 'head of a ward, night', state: 'ward_department', theme: 'night' },
    { name: 'phone', size: { width: 390, height: 844 } },
    { name: 'first touch', size: wall, query: '?wall', state: 'first_touch' },
    { name: 'first day', state: 'empty' },
    { name: 'much withheld', size: wall, query: '?wall', state: 'suppressed' },
    { name: 'signed out', state: 'signed_out' },
    { name: 'revoked, night', state: 'revoked_device', theme: 'night' },
  ]
  for (const { name, ...options } of cases) {
    it(name, async (t) => {
      const { page, complaints } = await open(t, options)
      if (options.state === 'revoked_device') {
        await page.click('.way')
        await page.waitForFunction(() => document.querySelector('h1')?.textContent?.includes('停用'))
      }
      for (const expander of (await page.locator('.expander').all()).slice(0, 3)) await expander.click()
      await page.evaluate(() => Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {}))))
      const { violations } = await new AxeBuilder({ page }).analyze()
      const grave = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
      assert.deepEqual(
        grave.map((v) => [v.id, v.nodes.slice(0, 3).map((n) => `${n.html} ${n.failureSummary}`)]),
        [],
      )
      assert.deepEqual(complaints, [])
    })
  }
})

describe('the live board', () => {
  it('applies a delta in place and asks for a snapshot after a gap', async (t) => {
    const { page, gateway } = await open(t)
    const { hospital } = snapshot('busy', 'today')
    const delta = { type: 'delta', epoch: 'e1', as_of: new Date().toISOString(), behind: false }
    hospital.figure.score = 90.4
    gateway.send({ ...delta, previous: 100, offset: 101, hospital })
    await page.waitForFunction(() => document.querySelector('.hero-number')?.textContent?.includes('90.4'))
    assert.equal(gateway.subscribed.length, 1)
    gateway.send({ ...delta, previous: 150, offset: 151 })
    await page.waitForFunction(() => document.querySelector('.hero-number')?.textContent?.includes('89.7'))
    assert.equal(gateway.subscribed.length, 2)
  })

  it('comes back by itself and says until then how old its figures are', async (t) => {
    const { page, gateway } = await open(t)
    await page.context().setOffline(false)
    gateway.close(1001)
    await page.waitForSelector('.banner-lost')
    await page.waitForFunction(() => !document.querySelector('.banner-lost'))
    assert.ok(gateway.sockets >= 2)
  })

  it('changes the period by key, finds by name, sorts by column', async (t) => {
    const { page, gateway } = await open(t)
    await page.keyboard.press('2')
    await page.waitForFunction(() =>
      document.querySelector('.periods [aria-pressed=true]')?.textContent?.includes('近7天'),
    )
    assert.deepEqual(
      gateway.subscribed.map((s) => s.period),
      ['today', '7d'],
    )
    await page.keyboard.press('/')
    await page.keyboard.type('挂号')
    await page.waitForFunction(() => document.querySelectorAll('.row-department').length === 1)
    assert.match(await page.locator('.row-place').first().textContent(), /挂号窗口/)
    await page.fill('input[type=search]', '')
    await page.click('.cell-dissatisfied .sorter')
    assert.match(await page.locator('.row-department').first().textContent(), /急诊科/)
    assert.equal(await page.locator('.row-head .cell-dissatisfied').getAttribute('aria-sort'), 'descending')
  })

  it('shows no score where a figure is withheld, and says why in words', async (t) => {
    const { page } = await open(t, { state: 'suppressed' })
    const row = (name) => page.locator('.row-department', { hasText: name })
    assert.match(await row('门诊部').textContent(), /已隐去/)
    assert.match(await row('皮肤科').textContent(), /暂无评价|样本不足/)
    assert.equal(await row('门诊部').locator('.cell-score b').textContent(), '–')
    assert.equal(await row('门诊部').locator('.dot').count(), 0)
  })

  it('shows surveys after discharge apart from the bedside, each with its answers', async (t) => {
    const { page } = await open(t)
    const row = page.locator('.row-department', { hasText: '心血管内科' })
    assert.match(await row.locator('.split').textContent(), /床旁 ?96\.5 ?\(67\).*短信回复 ?91\.1 ?\(29\)/)
    await page.click('.kinds button:has-text("随访")')
    assert.equal(await page.locator('.row-department', { hasText: '收费结算科' }).count(), 0)
    const ward = page.locator('.block', { has: row })
    assert.deepEqual(await ward.locator('.row:not(.row-department) .name').allTextContents(), [
      '三病区（心内）',
      '床旁',
      '短信回复',
    ])
    assert.equal(await ward.locator('.split').count(), 0)
    assert.match(await page.locator('.legend').textContent(), /随访短信/)
  })

  it('names what a survey says by its ward, and an unknown ward as that', async (t) => {
    for (const [language, unknown, word, call] of [
      ['zh', '本院（未知病区）', '短信链接', '希望回电'],
      ['en', 'Hospital (unknown ward)', 'SMS link', 'asks to be called'],
    ]) {
      const { page, complaints } = await open(t, { language })
      const arrival = page.locator('.arrival-list li', { hasText: unknown })
      assert.equal(await arrival.locator('.mode-mark').getAttribute('aria-label'), word)
      assert.equal(await page.locator('.callback-list li', { hasText: unknown }).locator('.face').count(), 1)
      const wish = page.locator('.callback-list li', { hasText: call })
      assert.equal(await wish.locator('.face').count(), 0)
      assert.equal(await wish.locator('.callback-wish').count(), 1)
      assert.deepEqual(complaints, [])
    }
  })

  it('heads a department head’s board with the department, and shows nothing of the hospital’s', async (t) => {
    const { page } = await open(t, { state: 'department' })
    assert.match(await page.locator('.hero-score').textContent(), /收费结算科/)
    assert.match(await page.locator('.hero-number').textContent(), /84\.6/)
    assert.equal(await page.locator('.board-rail, .empty, .row-department').count(), 0)
    assert.equal(await page.locator('.row-place').count(), 3)
    assert.doesNotMatch(await page.locator('main').textContent(), /全院/)
  })

  it('moves at the first unasked touch, and folds departments nobody has spoken of', async (t) => {
    const { page } = await open(t, { state: 'first_touch', size: wall, query: '?wall' })
    assert.match(await page.locator('.hero-score').textContent(), /受邀评价：暂无.*1条主动评价/)
    assert.match(await page.locator('.row-department').textContent(), /门诊部.*受邀评价：暂无 · 主动评价 1 条/)
    assert.match(await page.locator('.silent').textContent(), /尚无评价：.*收费结算科.*共23科/)
  })

  it('keeps the number at the end of a name that is cut', async (t) => {
    const { page } = await open(t, { language: 'en', size: { width: 1280, height: 800 } })
    const cut = await page.evaluate(() => {
      document.documentElement.style.setProperty('--t-place', '2rem')
      return [...document.querySelectorAll('.callback-place, .arrival-place')]
        .filter((name) => name.querySelector('.name-head').scrollWidth > name.querySelector('.name-head').clientWidth)
        .map((name) => {
          const number = name.querySelector('.name-number')
          return number && number.getBoundingClientRect().right <= name.getBoundingClientRect().right + 1
        })
    })
    assert.ok(cut.length > 0 && cut.every((kept) => kept !== false), `${cut}`)
  })

  it('never scrolls sideways, at any width, in either language', async (t) => {
    for (const language of ['zh', 'en']) {
      const { page } = await open(t, { language })
      for (const width of [360, 390, 768, 1024, 1280, 1440, 1920]) {
        await page.setViewportSize({ width, height: 800 })
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        assert.ok(over <= 0, `${language} at ${width}: ${over} px too wide`)
      }
    }
  })

  it('fits the wall without scrolling and turns its pages', async (t) => {
    const { page: english } = await open(t, { size: wall, query: '?wall', language: 'en' })
    const { page } = await open(t, { size: wall, query: '?wall' })
    for (const each of [english, page]) {
      const sizes = await each.evaluate(() => {
        const body = document.querySelector('.list-body')
        const rail = document.querySelector('.board-rail')
        return [
          document.documentElement.scrollHeight - innerHeight,
          body.scrollHeight - body.clientHeight,
          rail.scrollHeight - rail.clientHeight,
        ]
      })
      assert.ok(
        sizes.every((over) => over <= 1),
        `something is cut off: ${sizes}`,
      )
    }
    const first = await page.locator('.row-department .name').first().textContent()
    await page.keyboard.press('PageDown')
    await page.waitForFunction((name) => document.querySelector('.row-department .name')?.textContent !== name, first)
  })
})
