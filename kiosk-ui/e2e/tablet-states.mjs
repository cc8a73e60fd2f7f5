// Leads a tablet through every state it can show, for what has to hold in all of
// them. `visit(name)` is called while each stands on the screen.

const WAIT = { timeout: 30_000 }
const QUESTIONNAIRES = ['window', 'bedside', 'lobby']

/** Every state of the page of `tablet`; `shipped` gives the questionnaire of a name, `device` is the id to approve. */
export async function everyState(
  { gateway, page, context, origin, on, tapUntil, tapGrade },
  { shipped, device },
  visit,
) {
  Object.assign(gateway.welcome.settings, { idle_reset_seconds: 120, thanks_seconds: 60 })
  await page.waitForFunction(() => document.querySelector('.code')?.textContent === 'K7PM-3XQ2')
  await visit('pairing', page)
  gateway.approved = device
  await on('idle')
  await visit('idle', page)
  for (const name of QUESTIONNAIRES) {
    gateway.questionnaire = shipped(name)
    for (const grade of [1, 5]) {
      await page.reload()
      await page.waitForSelector('.hospital', WAIT)
      gateway.prompt(120)
      await on('asked')
      if (grade === 1) await visit(`asked ${name}`, page)
      await tapGrade(grade)
      await on('why')
      await visit(`why ${name} ${grade}`, page)
      await tapUntil('.tag >> nth=0', () => document.querySelector('.tag').ariaPressed === 'true')
      if (grade === 1) await panels({ page, tapUntil }, name, visit)
      await tapUntil('footer .primary', () => document.querySelector('main').dataset.screen === 'thanks')
      if (grade === 1) await visit(`thanks ${name}`, page)
    }
  }
  await page.reload()
  await page.waitForSelector('.hospital', WAIT)
  const second = await context.newPage()
  await second.goto(`${origin}/tablet`)
  await second.waitForSelector('main[data-screen="standby"]', WAIT)
  await visit('standby', second)
  await second.close()
  await outOfUse({ gateway, page, on }, visit)
}

async function panels({ page, tapUntil }, name, visit) {
  await tapUntil('.more button >> nth=0', () => document.querySelector('textarea') !== null)
  await page.fill('textarea', '等了一上午，没有人说清楚要等多久。')
  await visit(`comment ${name}`, page)
  await tapUntil('footer .primary', () => document.querySelector('.more') !== null)
  await tapUntil('.more button >> nth=1', () => document.querySelector('.keypad') !== null)
  for (const digit of '13800138000') await page.locator('.keypad button', { hasText: digit }).tap()
  await visit(`phone ${name}`, page)
  await tapUntil('footer .primary', () => document.querySelector('.more') !== null)
  await visit(`filled ${name}`, page)
}

async function outOfUse({ gateway, page, on }, visit) {
  gateway.close(4409)
  await on('out_of_service')
  await visit('shared key', page)
  await page.locator('.staff button').tap()
  await on('idle')
  await page.evaluate(() => {
    SubtleCrypto.prototype.sign = () => Promise.reject(new DOMException('gone', 'OperationError'))
  })
  gateway.cut()
  await on('out_of_service')
  await visit('lost key', page)
  await page.reload()
  await on('idle')
  await page.waitForSelector('.hospital', WAIT)
  gateway.close(4403)
  await on('out_of_service')
  await visit('revoked', page)
  await page.locator('.staff button').tap()
  await on('idle')
  await page.evaluate(() => {
    IDBObjectStore.prototype.add = () => {
      throw new DOMException('full', 'QuotaExceededError')
    }
  })
  await page.locator('.rate').tap()
  await on('asked')
  await page.waitForTimeout(500)
  await page.locator('[data-grade="1"]').tap()
  await on('paper')
  await visit('paper', page)
}
