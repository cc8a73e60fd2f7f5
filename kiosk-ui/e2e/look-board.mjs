// Takes pictures of the board in its states and sizes: node e2e/look-board.mjs <folder> [name…]
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { boardPage, openBoard } from './board-pages.mjs'
import { serveBoard } from './mock-board.mjs'

const wall = { width: 1920, height: 1080, query: '?wall' }
const desk = { width: 1440, height: 900, query: '' }
const shots = {
  'wall-busy': { ...wall },
  'wall-page2': { ...wall, keys: ['ArrowRight'] },
  'wall-night': { ...wall, theme: 'night' },
  'wall-en': { ...wall, language: 'en' },
  'wall-empty': { ...wall, state: 'empty' },
  'wall-first-touch': { ...wall, state: 'first_touch' },
  'desk-department': { ...desk, state: 'department' },
  'desk-ward-department': { ...desk, state: 'ward_department' },
  'desk-followup': { ...desk, click: '.kinds button:last-child' },
  'desk-followup-en': { ...desk, language: 'en', theme: 'night', click: '.kinds button:last-child' },
  'wall-behind': { ...wall, state: 'behind', theme: 'night' },
  'wall-disconnected': { ...wall, state: 'disconnected' },
  'wall-suppressed': { ...wall, state: 'suppressed' },
  'wall-withheld': { ...wall, state: 'suppressed', keys: ['ArrowLeft', 'ArrowLeft'] },
  'desk-busy': { ...desk },
  'desk-open': { ...desk, click: '.expander' },
  'desk-en': { ...desk, language: 'en', theme: 'night' },
  'small-busy': { width: 1280, height: 800, query: '' },
  'small-suppressed': { width: 1280, height: 800, query: '', state: 'suppressed' },
  'small-en': { width: 1280, height: 800, query: '', language: 'en' },
  'phone-busy': { width: 390, height: 844, query: '' },
  'phone-list': { width: 390, height: 844, query: '', scroll: '.list', click: '.expander' },
  'phone-en': { width: 390, height: 844, query: '', language: 'en', theme: 'night', scroll: '.list' },
  'gate-choice': { ...desk, state: 'signed_out' },
  'gate-pairing': { ...wall, state: 'pairing', click: '.way' },
  'gate-revoked': { ...wall, state: 'revoked_device', click: '.way', theme: 'night' },
}

const [folder, ...wanted] = process.argv.slice(2)
if (!folder) throw new Error('name the folder the pictures go to')
await mkdir(folder, { recursive: true })
const board = await openBoard()
try {
  for (const [name, shot] of Object.entries(shots)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const page = await boardPage(board.browser, shot)
    page.on('console', (message) => message.type() === 'error' && console.error(name, message.text()))
    page.on('pageerror', (error) => console.error(name, error))
    await serveBoard(page, shot.state)
    await page.goto(board.url + shot.query)
    await page.waitForSelector(shot.state === 'disconnected' ? '.banner' : '.row, .gate h1')
    if (shot.click) await page.click(shot.click)
    if (shot.scroll) await page.evaluate((to) => document.querySelector(to).scrollIntoView(), shot.scroll)
    for (const key of shot.keys ?? []) await page.keyboard.press(key)
    await page.evaluate(() => Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {}))))
    await page.waitForTimeout(900)
    await page.screenshot({ path: join(folder, `${name}.png`) })
    await page.context().close()
  }
} finally {
  await board.close()
}
