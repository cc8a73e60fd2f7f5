// Draws every part of the desk and the operator page at its real size into a
// folder, and lists what axe finds there: node e2e/desk-shots.mjs <dist> <folder> [part…]
import AxeBuilder from '@axe-core/playwright'
import { chromium } from 'playwright-core'
import { startMock } from './mock-desk.mjs'

const [dist = 'dist', folder = 'shots', ...only] = process.argv.slice(2)
const FLAGS =
  '--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run'
const LARGE = { width: 1440, height: 900 }
const SMALL = { width: 1280, height: 800 }
const PHONE = { width: 390, height: 844 }
const CLERK = { width: 480, height: 640 }

const mock = await startMock({ dist })
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS.split(' ') })

async function draw(
  name,
  { path = '/desk', hash = '', size = LARGE, language = 'zh', scenario = 'busy', before, act },
) {
  if (only.length > 0 && !only.some((part) => name.includes(part))) return
  Object.assign(mock.state, { signedIn: true, mustChange: false, prompt: null, rated: '', tablets: 1, offline: false })
  before?.(mock.state)
  const context = await browser.newContext({ viewport: size, locale: 'zh-CN', timezoneId: 'Asia/Shanghai' })
  await context.addCookies([{ name: 'mock', value: scenario, url: mock.url }])
  await context.addInitScript(
    ([chosen]) => {
      localStorage.setItem('desk.language', chosen)
      localStorage.setItem('operator.language', chosen)
    },
    [language],
  )
  const page = await context.newPage()
  const said = []
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && said.push(m.text()))
  page.on('pageerror', (e) => said.push(String(e)))
  await page.goto(`${mock.url}${path}${hash}`)
  await page.waitForSelector('main')
  await page.waitForLoadState('networkidle').catch(() => undefined)
  await act?.(page, mock.state)
  await page.waitForTimeout(150)
  await page.screenshot({ path: `${folder}/${name}.png` })
  const found = await new AxeBuilder({ page }).analyze()
  const bad = found.violations.filter((v) => ['serious', 'critical'].includes(v.impact ?? ''))
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  for (const v of bad)
    console.log(
      name,
      v.impact,
      v.id,
      v.nodes.slice(0, 3).map((n) => `${n.target} ${n.any[0]?.message ?? ''}`),
    )
  if (wide > 0) console.log(name, 'is', wide, 'px too wide')
  for (const line of said.filter((l) => !l.includes('Failed to load resource'))) console.log(name, line)
  await context.close()
}

const SECTIONS = [
  'overview',
  'callbacks',
  'followup',
  'followup/dry-run',
  'followup/replies',
  'followup/numbers',
  'intake',
  'intake/rejected',
  'intake/wards',
  'intake/upload',
  'devices',
  'set-aside',
  'accounts',
  'tokens',
  'questionnaires',
  'audit',
  'me',
]
for (const address of SECTIONS) {
  const section = address.replace('/', '-')
  await draw(`desk-${section}-zh`, { hash: `#/${address}` })
  await draw(`desk-${section}-en`, { hash: `#/${address}`, language: 'en', size: SMALL })
  await draw(`desk-${section}-phone`, { hash: `#/${address}`, size: PHONE })
  await draw(`desk-${section}-empty`, { hash: `#/${address}`, scenario: 'empty', size: SMALL })
  await draw(`desk-${section}-error`, { hash: `#/${address}`, scenario: 'error', size: SMALL })
}
await draw('desk-followup-chart', {
  hash: '#/followup',
  act: (page) => page.click('.choose .tabs:last-child button:last-child'),
})
await draw('desk-followup-department-en', {
  hash: '#/followup',
  language: 'en',
  act: (page) => page.click('.choose .tabs:first-child button:nth-child(2)'),
})
await draw('desk-followup-halted', { hash: '#/followup', scenario: 'halted', size: SMALL })
await draw('desk-followup-halted-en', { hash: '#/followup', scenario: 'halted', language: 'en', size: SMALL })
await draw('desk-followup-head', { hash: '#/followup', scenario: 'head', size: SMALL })
const press = async (page) => {
  await page.click('.panel .button--primary')
  await page.waitForSelector('.tiles')
}
await draw('desk-followup-dry-zh', { hash: '#/followup/dry-run', act: press })
await draw('desk-followup-dry-en', { hash: '#/followup/dry-run', language: 'en', size: SMALL, act: press })
await draw('desk-followup-dry-phone', { hash: '#/followup/dry-run', size: PHONE, act: press })
await draw('desk-followup-reply', {
  hash: '#/followup/replies',
  size: SMALL,
  act: (page) => page.click('.replies button'),
})
await draw('desk-followup-undo', { hash: '#/followup/numbers', size: SMALL, act: (page) => page.click('td .button') })
const openMessage = async (page) => {
  await page.click('.messages summary')
  await page.click('.messages .sent .button')
  await page.waitForSelector('.sent__raw')
}
await draw('desk-intake-message', { hash: '#/intake/rejected', act: openMessage })
await draw('desk-intake-message-en', { hash: '#/intake/rejected', language: 'en', size: SMALL, act: openMessage })
const upload = async (page) => {
  await page.setInputFiles('input[type=file]', {
    name: 'discharges.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from('a,b'),
  })
  await page.click('.form .button--primary')
  await page.waitForSelector('.tiles')
}
await draw('desk-intake-report', { hash: '#/intake/upload', size: SMALL, act: upload })
await draw('desk-intake-report-en', { hash: '#/intake/upload', language: 'en', act: upload })
await draw('desk-callback-wish', { hash: '#/callbacks/55', size: SMALL })
await draw('desk-callback-mode-en', { hash: '#/callbacks/54', language: 'en' })
const out = (state) => {
  state.signedIn = false
}
const signIn = async (page, password) => {
  await page.fill('input[name=username]', 'zhangmin')
  await page.fill('input[name=password]', password)
  await page.click('button[type=submit]')
}
await draw('desk-signin-zh', { before: out })
await draw('desk-signin-en', { before: out, language: 'en', size: SMALL })
await draw('desk-signin-locked', { before: out, act: (page) => signIn(page, 'locked') })
await draw('desk-signin-wrong-phone', { before: out, size: PHONE, act: (page) => signIn(page, 'wrong') })
await draw('desk-signin-offline', { scenario: 'offline', size: SMALL })
await draw('desk-first-password', {
  before: (state) => {
    state.mustChange = true
  },
})
await draw('desk-callback-phone-shown', {
  hash: '#/callbacks/41',
  act: async (page) => {
    await page.click('.phone button')
    await page.waitForSelector('.phone__number')
    await page.click('.choices label:first-of-type')
    await page.click('.form .button--primary')
  },
})
await draw('desk-callback-en', { hash: '#/callbacks/47', language: 'en', size: SMALL })
await draw('desk-callback-phone', { hash: '#/callbacks/44', size: PHONE })
await draw('desk-callbacks-done', {
  hash: '#/callbacks',
  size: SMALL,
  act: (page) => page.click('.tabs button:last-child'),
})
await draw('desk-set-aside-sent', {
  hash: '#/set-aside/7',
  act: async (page) => {
    await page.click('.sent .button')
    await page.waitForSelector('.sent .facts')
    await page.click('.sent summary')
  },
})
await draw('desk-set-aside-resolved-en', {
  hash: '#/set-aside',
  language: 'en',
  size: SMALL,
  act: (page) => page.click('.tabs button:last-child'),
})
await draw('desk-expired', {
  hash: '#/callbacks/44',
  act: async (page, state) => {
    await page.fill('textarea', '患者说已经收到道歉')
    await page.click('.choices label:first-of-type')
    state.signedIn = false
    await page.click('.form .button--primary')
    await page.waitForSelector('.gate')
  },
})
await draw('desk-add-screen', {
  hash: '#/devices/new',
  act: async (page) => {
    await page.fill('.code', 'k7pm 3x0')
    await page.click('.form .button--primary')
  },
})
await draw('desk-add-screen-en-phone', { hash: '#/devices/new', language: 'en', size: PHONE })
await draw('desk-device-revoke', {
  hash: '#/devices/019aa5c2-7d10-7c44-9b1e-000000000906',
  size: SMALL,
  act: (page) => page.click('.button--danger-quiet'),
})
await draw('desk-account-new', {
  hash: '#/accounts/new',
  act: async (page) => {
    await page.fill('.form input >> nth=0', '赵晓')
    await page.fill('.form input >> nth=1', 'zhaoxiao')
    await page.check('.picks input >> nth=1')
    await page.click('.form .button--primary')
    await page.waitForSelector('.once')
  },
})
await draw('desk-account-form', { hash: '#/accounts/new', size: SMALL })
await draw('desk-roles-en', { hash: '#/accounts/roles', language: 'en', size: SMALL })
await draw('desk-token-new', {
  hash: '#/tokens/new',
  size: SMALL,
  act: async (page) => {
    await page.fill('.form input >> nth=0', 'HIS 挂号系统')
    await page.click('.form .button--primary')
    await page.waitForSelector('.once')
  },
})
await draw('desk-help', { act: (page) => page.keyboard.press('?') })
await draw('desk-notice', {
  hash: '#/accounts/2',
  size: SMALL,
  act: (page) => page.click('.sheet .button--danger-quiet'),
})
await draw('desk-menu-phone', { size: PHONE, act: (page) => page.click('.rail__menu') })

const clerk = { path: '/operator', size: CLERK }
const at = { path: '/operator?window=settlement-1', size: CLERK }
const ask = async (page) => {
  await page.keyboard.press('F9')
  await page.waitForTimeout(300)
}
await draw('operator-signin', { ...clerk, before: out })
await draw('operator-choose-zh', clerk)
await draw('operator-choose-en', { ...clerk, language: 'en' })
await draw('operator-ready-zh', at)
await draw('operator-ready-en', { ...at, language: 'en' })
await draw('operator-sent', { ...at, act: ask })
await draw('operator-shown', {
  ...at,
  act: async (page, state) => {
    await ask(page)
    state.prompt.state = 'offered'
    await page.waitForTimeout(2300)
  },
})
await draw('operator-answered', {
  ...at,
  act: async (page, state) => {
    await ask(page)
    state.rated = state.prompt.transaction
    state.counts.answered = 32
    await page.waitForTimeout(2500)
  },
})
await draw('operator-no-tablet', {
  ...at,
  before: (state) => {
    state.tablets = 0
  },
  act: ask,
})
await draw('operator-offline', {
  ...at,
  act: async (page, state) => {
    state.offline = true
    await ask(page)
  },
})
await draw('operator-offline-en', {
  ...at,
  language: 'en',
  act: async (page, state) => {
    state.offline = true
    await ask(page)
  },
})
await browser.close()
mock.close()
