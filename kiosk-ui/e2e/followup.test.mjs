// The survey after discharge, with the real binary and a real browser: a stay
// ends, the officer moves the clock, a phone rings, what is typed on it is on
// the board and on the desk; by a link and by a code it is answered on a page.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import AxeBuilder from '@axe-core/playwright'
import { launchBrowser, sizes } from './browser.mjs'
import { startGateway } from './gateway.mjs'

const HOUR_MILLIS = 3_600_000
const ward = '心血管内科病区'
const number = '19900000101'
let browser

before(async () => {
  browser = await launchBrowser()
})
after(async () => {
  await browser?.close()
})

/** A gateway whose surveys leave at any hour, with an officer at the desk. */
async function hospital(t, carriers = '') {
  const directory = await mkdtemp(join(tmpdir(), 'qingfeng-followup-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const config = join(directory, 'settings.yaml')
  await writeFile(join(directory, 'calendar.yaml'), 'years: []\n')
  await writeFile(config, `calendar: calendar.yaml\nfollowup: {send_from: "00:00", send_to: "24:00"}\n${carriers}\n`)
  const gateway = await startGateway({ environment: { QINGFENG_CONFIG: config } })
  t.after(() => gateway.stop())
  await gateway.signIn()
  await signInOfficer(gateway)
  return { gateway, directory }
}

/** From here on the gateway's calls are the conduct officer's. */
async function signInOfficer(gateway) {
  const made = await gateway.call('POST', '/api/v1/accounts', {
    username: 'officer',
    name: '行风办',
    roles: ['conduct_officer'],
  })
  gateway.cookie = undefined
  await gateway.call('POST', '/api/v1/session', { username: 'officer', password: made.one_time_password })
  const lasting = { current: made.one_time_password, new: 'a lasting password for tests' }
  await gateway.call('POST', '/api/v1/session/password', lasting)
}

/** Imports a stay that ended so many hours ago. */
async function discharge({ gateway, directory }, hours) {
  const shanghai = new Date(Date.now() + (8 - hours) * HOUR_MILLIS).toISOString()
  const file = join(directory, 'discharges.csv')
  await writeFile(
    file,
    `病案号,住院号,姓名,手机号码,病区,出院时间\n1,ZY1,王小明,${number},${ward},${shanghai.slice(0, 16).replace('T', ' ')}\n`,
  )
  const { code, output } = await gateway.command('import-discharges', file)
  assert.equal(code, 0, output)
}

/** Has the planner look now and not within the minute: what was paused begins. */
async function look(gateway) {
  for (const running of [false, true]) await gateway.call('POST', '/api/v1/followup/switch', { running })
}

/** A page in a browser of its own; errors on it fail the test. */
async function screen(t, gateway, path, { size = sizes.laptop, locale = 'zh-CN', signedIn = false } = {}) {
  const context = await browser.newContext({ viewport: size, locale })
  t.after(() => context.close())
  if (signedIn) {
    const [name, value] = gateway.cookie.split('=')
    await context.addCookies([{ name, value, url: gateway.url }])
  }
  const page = await context.newPage()
  const errors = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) errors.push(message.text())
  })
  t.after(() => assert.deepEqual(errors, [], `errors on ${path}`))
  await page.goto(gateway.url + path)
  return page
}

const shows = (page, text) => page.getByText(text).first().waitFor({ timeout: 15000 })

/** Asks until the answer is as wanted. */
async function until(ask, wanted, what) {
  let seen
  for (let tries = 0; tries < 150; tries++) {
    seen = await ask()
    if (wanted(seen)) return seen
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.fail(`${what} never came: ${JSON.stringify(seen)}`)
}

/** The invitations by state, as the desk counts them. */
async function states(gateway) {
  const { rows } = await gateway.call('GET', '/api/v1/followup/dispositions?by=mode')
  return Object.assign({}, ...rows.map((row) => ({ [row.mode]: row.states })))
}

async function clean(page, what) {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const grave = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
  assert.deepEqual(
    grave.map((v) => [v.id, v.nodes.slice(0, 3).map((n) => n.html)]),
    [],
    what,
  )
}

/** A carrier that only takes texts, and what it took. */
async function oneWayCarrier(t, links) {
  const texts = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (piece) => (body += piece))
    request.on('end', () => {
      texts.push(new URLSearchParams(body).get('text'))
      response.end('ok')
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${server.address().port}/send`
  const fields = `[{name: to, value: "{to}"}, {name: text, value: "{text}"}]`
  const carriers = `carriers: {default: generic, generic: {links: ${links}, request: {url: "${url}", fields: ${fields}}}}`
  return { carriers, text: () => until(async () => texts[0], Boolean, 'the text') }
}

/** Answers every question of the phone page, checking each screen. */
async function answerAll(page, checked) {
  const at = (name) => page.waitForSelector(`main[data-screen="${name}"]`, { timeout: 15000 })
  await at('intro')
  await checked('intro')
  await page.locator('footer button.primary').click()
  await at('question')
  for (let asked = ''; (await page.locator('main[data-screen="question"]').count()) > 0; ) {
    await page.waitForFunction((before) => document.querySelector('h1')?.textContent !== before, asked)
    if ((await page.locator('main[data-screen="question"]').count()) === 0) break
    asked = await page.locator('h1').textContent()
    await checked(asked)
    const radios = page.locator('fieldset input[type=radio]')
    if ((await radios.count()) === 0) await page.locator('textarea').fill('饭菜再热一点')
    // The envelope question's first choice is no; elsewhere the last is the best.
    else await (/红包|money/.test(asked) ? radios.first() : radios.last()).check({ force: true })
    await page.locator('footer button.primary').click()
  }
  await at('call')
  await checked('call')
  await page.locator('footer button.primary').click()
  await at('done')
  await checked('done')
}

describe('a survey after discharge', () => {
  it('rings on a phone, is answered there, and is on board and desk', async (t) => {
    const site = await hospital(t)
    const { gateway } = site
    await discharge(site, 1)
    const board = await screen(t, gateway, '/board', { size: sizes.wall, signedIn: true })
    const desk = await screen(t, gateway, '/desk#/followup', { signedIn: true })
    const phones = await screen(t, gateway, '/phone')
    await clean(phones, 'no phone yet')
    await desk.getByRole('button', { name: /48/ }).click()
    const phone = phones.locator('[data-phone]').first()
    await phone.waitFor({ timeout: 15000 })
    await phone.click()
    await shows(phones, /【清风医院】.*心血管内科病区/)
    await clean(phones, 'a phone that rang')
    const figure = async () => (await board.innerText('body')).match(/心血管内科[^→]*?(\d+ → \d+)/)?.[1]
    await until(figure, (seen) => seen === '1 → 0', 'the ward asked')
    const type = async (text, answer) => {
      await phones.locator('textarea').fill(text)
      await phones.keyboard.press('Enter')
      await shows(phones, answer)
    }
    await type('５分，谢谢', /财物/)
    await until(figure, (seen) => seen === '1 → 1', 'the answer on the board')
    await shows(board, '短信回复')
    await type('没有', /讲清楚/)
    await type('4', /改进什么/)
    await type('没有', /祝您早日康复/)
    await until(
      () => states(gateway),
      (s) => s.sms_reply?.complete === 1,
      'the end',
    )
    await desk.reload()
    const dispositions = desk.getByRole('table').last()
    await dispositions.getByText('100.0%（1/1）').waitFor({ timeout: 15000 })
    await dispositions.getByText('完成', { exact: false }).first().waitFor({ timeout: 15000 })
    assert.equal((await gateway.command('verify')).code, 0)
    await phones.locator('header button').first().click()
    await clean(phones, 'in English')
  })

  it('is answered on the page a link leads to', async (t) => {
    const carrier = await oneWayCarrier(t, true)
    const site = await hospital(t, carrier.carriers)
    await discharge(site, 72)
    await look(site.gateway)
    const [link] = (await carrier.text()).match(/https?:\/\/\S+\/s\/[\w-]{22}/)
    const page = await screen(t, site.gateway, new URL(link).pathname, { size: sizes.phone })
    await answerAll(page, (what) => clean(page, what))
    const { sms_link } = await until(
      () => states(site.gateway),
      (s) => s.sms_link?.complete === 1,
      'the end',
    )
    assert.equal(sms_link.complete, 1)
  })

  it('is answered by the code of a text, in English', async (t) => {
    const carrier = await oneWayCarrier(t, false)
    const site = await hospital(t, carrier.carriers)
    await discharge(site, 72)
    await look(site.gateway)
    const [code] = (await carrier.text()).match(/\d{8}/)
    const page = await screen(t, site.gateway, '/code', { size: sizes.phone, locale: 'en-US' })
    await page.waitForSelector('main[data-screen="code"]')
    await clean(page, 'the code')
    await page.keyboard.type(code)
    await page.keyboard.press('Enter')
    await page.waitForSelector('main[data-screen="intro"]', { timeout: 15000 })
    if (/您/.test(await page.innerText('main'))) await page.locator('header .tool').last().click()
    await answerAll(page, (what) => clean(page, `${what}, in English`))
    await until(
      () => states(site.gateway),
      (s) => s.sms_code?.complete === 1,
      'the end',
    )
  })
})
