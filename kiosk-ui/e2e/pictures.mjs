// Draws the README's pictures from the real program: node e2e/pictures.mjs [tablet] [followup] [office]
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { launchBrowser, sizes } from './browser.mjs'
import { startGateway } from './gateway.mjs'

const folder = new URL('../../docs/pictures/', import.meta.url).pathname
const patientsSeconds = 150
mkdirSync(folder, { recursive: true })
const browser = await launchBrowser()

/** The tablet, from a gateway of its own. */
async function tablet() {
  const gateway = await startGateway()
  await gateway.signIn()
  const page = await (await browser.newContext({ viewport: sizes.tablet, locale: 'zh-CN' })).newPage()
  await page.goto(`${gateway.url}/tablet`)
  await page.waitForFunction(() => /[2-9A-Z]{4}-[2-9A-Z]{4}/.test(document.body.innerText))
  const [code] = (await page.innerText('main')).match(/[2-9A-Z]{4}-[2-9A-Z]{4}/)
  await gateway.approve(code, { place: 'settlement-1', name: '收费1号窗口平板' })
  await page.waitForSelector('[data-screen="idle"]')
  await page.screenshot({ path: `${folder}tablet-idle.png` })
  const { places } = await gateway.call('GET', '/api/v1/organisation')
  await gateway.transaction(places.find((place) => place.id === 'settlement-1').id, '88121', { staff: '1024' })
  await page.waitForSelector('[data-screen="asked"]')
  await page.waitForTimeout(1000)
  await page.screenshot({ path: `${folder}tablet-asked.png` })
  await gateway.stop()
}

/** A discharged patient's phone, the phone page and the desk's follow-up. */
async function followup() {
  const gateway = await startGateway()
  await gateway.signIn()
  await gateway.command(
    'import-discharges',
    '--to-today',
    new URL('../../configs/samples/discharges.csv', import.meta.url).pathname,
  )
  await gateway.call('POST', '/api/v1/followup/demo-clock', { hours: 48 })
  const context = await browser.newContext({ viewport: sizes.tablet, locale: 'zh-CN' })
  const page = await context.newPage()
  await page.goto(`${gateway.url}/phone`)
  const field = page.locator('input[type="text"], textarea').last()
  await page.locator('li button, li a').first().click()
  for (const words of ['５分，谢谢', '没有']) {
    await field.fill(words)
    await page.keyboard.press('Enter')
    await page.waitForTimeout(2500)
  }
  await page.screenshot({ path: `${folder}phone-talk.png` })
  await context.request.post(`${gateway.url}/api/v1/session`, {
    data: { username: 'admin', password: gateway.password },
    headers: { Origin: gateway.url },
  })
  await page.goto(`${gateway.url}/desk#/followup`)
  await page.waitForTimeout(2500)
  await page.screenshot({ path: `${folder}desk-followup.png` })
  await gateway.stop()
}

/** Board and desk, from a demo that has run for a while. */
async function office() {
  const demo = spawn(new URL('../../bin/gateway', import.meta.url).pathname, ['demo', '--pause', '9s', '--seed', '7'], {
    env: { ...process.env, QINGFENG_LISTEN: '127.0.0.1:0', QINGFENG_MLLP: '127.0.0.1:0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise((resolve) => demo.once('exit', resolve))
  const { url, password } = await new Promise((resolve, reject) => {
    const seen = {}
    exited.then(() => reject(new Error('the demo ended')))
    createInterface({ input: demo.stdout }).on('line', (line) => {
      seen.url ??= line.match(/https?:\/\/[^/\s]+/)?.[0]
      seen.password ??= line.match(/admin\s+(\S+)/)?.[1]
      if (/ready/.test(line)) resolve(seen)
    })
  })
  const context = await browser.newContext({ viewport: sizes.wall, locale: 'zh-CN' })
  await context.request.post(`${url}/api/v1/session`, {
    data: { username: 'admin', password },
    headers: { Origin: url },
  })
  const page = await context.newPage()
  await page.waitForTimeout(patientsSeconds * 1000)
  for (const [theme, name] of [
    ['light', 'board-wall'],
    ['night', 'board-night'],
  ]) {
    await page.addInitScript((chosen) => localStorage.setItem('qingfeng.board.theme', chosen), theme)
    await page.goto(`${url}/board?wall`)
    await page.waitForSelector('.row-department')
    await page.waitForTimeout(1500)
    await page.screenshot({ path: `${folder}${name}.png` })
  }
  await page.setViewportSize(sizes.tablet)
  await page.goto(`${url}/desk#/devices`)
  await page.waitForTimeout(2500)
  await page.screenshot({ path: `${folder}desk-devices.png` })
  demo.kill('SIGTERM')
  await exited
}

const all = { tablet, followup, office }
const chosen = process.argv.slice(2)
for (const [name, draw] of Object.entries(all)) if (chosen.length === 0 || chosen.includes(name)) await draw()
await browser.close()
